"""Tests of values and small mechanisms: tokens, errors, retries, single flight."""
