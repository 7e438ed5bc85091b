"""Typed uses of the API: type checkers read them, and nothing runs them."""
