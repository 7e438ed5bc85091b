"""The claims of a JWT that the client received, read without verifying its signature. Pure."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping

from aioalf._auth_server.response import read_object
from aioalf._hidden_repr import MaskedDict
from aioalf.errors import AuthorizationError


def claims_of(token: object) -> Mapping[str, object]:
    """Return the claims; none if the token is not a JWT, or is encrypted (RFC 7519 §4)."""
    parts = token.split(".") if isinstance(token, str) else ()
    if len(parts) != 3:
        return {}
    try:
        octets = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except ValueError:
        return {}
    return MaskedDict(read_object(octets) or {})


def check_nonce(members: Mapping[str, object], nonce: str) -> None:
    """Raise AuthorizationError if the ID token in a token response is for another sign-in.

    An ID token without a nonce, or one that cannot be read, is accepted (OpenID Connect Core
    §3.1.2.1). The signature of an ID token from the token endpoint need not be checked (§3.1.3.7).
    """
    if claims_of(members.get("id_token")).get("nonce") not in (None, nonce):
        raise AuthorizationError(
            "The tokens were discarded: the ID token is for another sign-in, because its nonce is "
            "not the one that was sent (OpenID Connect Core §3.1.3.7)",
            error=None,
        )
