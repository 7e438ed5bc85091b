"""How the test server authenticates clients."""
