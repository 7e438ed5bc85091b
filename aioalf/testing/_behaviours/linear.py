"""Linear: scopes with commas in requests, and with spaces in responses."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour

LINEAR = Behaviour(
    options={
        "expires_in": 86399,
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
    },
    scope_separator=",",
)
