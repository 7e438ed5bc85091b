"""Opening a browser, and the loopback listener that receives the redirect (RFC 8252)."""
