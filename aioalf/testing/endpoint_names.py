"""The names of the endpoints, as faults, response changes and request counters use them."""

from __future__ import annotations

from typing import Literal, get_args

Endpoint = Literal[
    "metadata",
    "authorization",
    "pushed_authorization_request",
    "token",
    "device_authorization",
    "device_verification",
    "revocation",
    "introspection",
    "api",
]
"""The name of an endpoint of `OAuthServer`, used as a key of its faults, changes and counters."""


def check_endpoint(endpoint: Endpoint) -> Endpoint:
    """Return the name; raise KeyError, which lists the valid names, if it is unknown."""
    names = get_args(Endpoint)
    if endpoint not in names:
        raise KeyError(f"unknown endpoint {endpoint!r}: use one of {', '.join(names)}")
    return endpoint
