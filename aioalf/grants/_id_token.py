"""The nonce of a sign-in, which the ID token must repeat (OpenID Connect Core §3.1.2.1). Pure.

The signature of an ID token from the token endpoint need not be checked (§3.1.3.7).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping

from aioalf._auth_server.response import read_object
from aioalf._hidden_repr import MaskedStr
from aioalf.errors import AuthorizationError


def check_nonce(members: Mapping[str, object], nonce: str) -> None:
    """Raise AuthorizationError if the ID token in a token response is for another sign-in.

    An ID token without a nonce, or one that cannot be read, is accepted.
    """
    found = _nonce_in(members.get("id_token"))
    if found is not None and found != nonce:
        raise AuthorizationError(
            "The tokens were discarded: the ID token is for another sign-in, because its nonce is "
            "not the one that was sent (OpenID Connect Core §3.1.3.7)",
            error=None,
        )


def _nonce_in(id_token: object) -> str | None:
    parts = id_token.split(".") if isinstance(id_token, str) else ()
    if len(parts) != 3:
        return None
    payload = parts[1]
    try:
        octets = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return None
    nonce = (read_object(octets) or {}).get("nonce")
    return (
        None if nonce is None else MaskedStr(ascii(nonce) if not isinstance(nonce, str) else nonce)
    )
