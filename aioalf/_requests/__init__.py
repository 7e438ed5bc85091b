"""A request to an API: session, origin policy, Authorization header, retry on 401."""
