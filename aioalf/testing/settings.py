"""What a test may turn on a running server; every request looks anew.

Plain values; knows no HTTP.
"""

from __future__ import annotations

import enum
import math
from collections import UserDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Final, Literal, TypeAlias, get_args

from aioalf.testing.faults import Fault

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""Any value that JSON can say."""

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
"""The names by which faults, changes and counters know the endpoints."""


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""Leaves a member out of an answer."""

REALM = "aioalf.testing"


class Changes(UserDict[Endpoint, "Mapping[str, Json | Missing]"]):
    """By endpoint: what is said in place of the right members of its answers."""

    def __setitem__(self, endpoint: Endpoint, members: Mapping[str, Json | Missing]) -> None:
        super().__setitem__(known(endpoint), members)


def known(endpoint: Endpoint) -> Endpoint:
    """The endpoint's name; KeyError, which lists the names, when there is none of that name."""
    names = get_args(Endpoint)
    if endpoint not in names:
        raise KeyError(f"{endpoint!r} is no endpoint; there are {', '.join(names)}")
    return endpoint


@dataclass(kw_only=True, eq=False, repr=False)
class Settings:
    """The switches of `OAuthServer`: keywords of its constructor, and settable at any time."""

    expires_in: Json | Missing = 3600
    """Sent as it is, whatever it is; `MISSING` leaves it out. Above 0 (also as a numeric string)
    it is the token's life in seconds; a token with any other lives until it is revoked."""
    token_type: str = "Bearer"
    """Sent with each token."""
    challenge: str = f'Bearer realm="{REALM}", error="invalid_token"'
    """``WWW-Authenticate`` of the API's 401 to a token that it refuses; ``""`` sends none."""
    token_fault: Fault | None = None
    """What goes wrong at the token endpoint."""
    api_fault: Fault | None = None
    """What goes wrong at the API."""
    changes: Changes = field(default_factory=Changes)
    """By endpoint: members of its right answers to be replaced, or left out with `MISSING`."""
    allow_body_secret: bool = False
    """Take ``client_id`` and ``client_secret`` from the form too (RFC 6749 §2.3.1)."""
    decode_basic: bool = True
    """Form-decode the parts of HTTP Basic as RFC 6749 §2.3.1 asks; some servers do not."""
    client_auth_methods: Collection[str] | None = None
    """The ways to authenticate that are taken, by their registered names; None is all."""
    assertion_audience: str | None = None
    """The sole ``aud`` of a client assertion; None is the issuer."""
    ssl_context: SSLContext | None = None
    """Serve the authorization server by https; set before the server starts."""
    mtls_context: SSLContext | None = None
    """Serve it on a port of its own as well, by https for clients with a certificate (RFC 8705
    §5); the context is to ask for one. Set before the server starts."""
    issuer_path: str = ""
    """The issuer's path, as ``"/tenant/one"``; the endpoints are below it."""
    oauth_metadata: bool = True
    """Serve ``/.well-known/oauth-authorization-server`` (RFC 8414)."""
    openid_metadata: bool = True
    """Serve ``/.well-known/openid-configuration`` (OpenID Connect Discovery)."""
    grant_types: Collection[str] | None = None
    """The grants there are; None is all of them."""
    login_lifetime: float = 600.0
    """Seconds in which a login page may be answered."""
    auto_sign_in: str | None = None
    """The name of someone who is signed in already: a redirect comes in place of the page."""
    code_lifetime: float = 60.0
    """Seconds in which an authorization code may be redeemed."""
    iss_parameter: bool = True
    """Say ``iss`` in each authorization response, and in the metadata that it is (RFC 9207)."""
    require_pushed_authorization_requests: bool = False
    """Take authorization requests only by ``request_uri`` (RFC 9126)."""
    pushed_request_lifetime: float = 60.0
    """Seconds in which a pushed authorization request may be used."""
    refresh_tokens: bool = True
    """Give refresh tokens to clients that may have them, where a person has signed in."""
    offline_access_scope: bool = False
    """Give them only where the scope has ``offline_access``."""
    rotate_refresh_tokens: bool = True
    """Replace a refresh token with each use; one that is used again ends all of its family."""
    refresh_token_lifetime: float = math.inf
    """Seconds in which a refresh token may be used."""
    device_interval: float = 5
    """Seconds between polls; whoever is faster hears ``slow_down`` and is given five more."""
    device_slow_down: bool = True
    """Hold polls to the interval."""
    device_code_lifetime: float = 600.0
    """Seconds in which a device code may be approved and redeemed."""
    resources: Collection[str] | None = None
    """The values of ``resource`` and ``audience`` that may be asked for; None is any."""

    @property
    def asks_for_certificates(self) -> bool:
        """Whether clients may authenticate with TLS certificates."""
        contexts = (self.ssl_context, self.mtls_context)
        return any(context is not None and context.verify_mode != 0 for context in contexts)
