"""Tests of `aioalf._browser`."""
