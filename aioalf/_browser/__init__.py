"""Opens a browser and receives the redirect on a loopback listener (RFC 8252)."""
