"""Tests of `Client`, against real sockets."""
