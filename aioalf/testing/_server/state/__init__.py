"""The state of the test server: registered clients, codes, tokens and waiting devices."""
