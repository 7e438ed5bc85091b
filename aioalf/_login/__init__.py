"""A login that outlives one token: refresh token, cache entry, derived tokens, logout."""
