"""Tests of `aioalf._requests` and of the middleware."""
