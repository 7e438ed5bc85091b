"""What the test server remembers: clients, codes, tokens, devices."""
