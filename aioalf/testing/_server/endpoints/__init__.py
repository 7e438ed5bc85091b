"""The endpoints of the test server."""
