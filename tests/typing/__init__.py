"""The API as type checkers see it: read by them, never run."""
