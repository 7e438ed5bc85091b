"""Tests of `aioalf.providers`: each provider against a server that behaves like it."""
