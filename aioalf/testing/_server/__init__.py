"""The authorization server and the API behind `aioalf.testing.OAuthServer`."""
