"""Tests of `aioalf._auth_server`."""
