"""Tests of `TokenManager`."""
