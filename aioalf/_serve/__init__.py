"""The command ``serve``: the test server of `aioalf.testing` as a program of its own."""
