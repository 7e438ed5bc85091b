"""Tests of `Client` with real connections on loopback."""
