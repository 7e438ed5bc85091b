"""The tests of the token caches: what all promise, and what each does besides."""
