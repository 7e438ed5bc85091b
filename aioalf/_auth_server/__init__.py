"""Requests to the authorization server: HTTP, metadata, the token endpoint and its responses."""
