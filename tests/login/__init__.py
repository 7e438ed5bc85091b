"""Tests of `aioalf._login`."""
