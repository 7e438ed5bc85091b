"""A login that outlives one access token: refresh token, cache entry, derived clients, logout."""
