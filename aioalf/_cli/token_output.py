"""The JSON that ``token --json`` prints, without the refresh token. No I/O."""

from __future__ import annotations

import json

from aioalf.token import Token, expiry_clock


def token_as_json(token: Token) -> str:
    """Return a token as one line of JSON. ``expires_in`` is the seconds left; null is unknown."""
    members = {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_in": None if token.expires_in is None else int(seconds_left(token)),
        "expires_on": token.expires_on and token.expires_on.isoformat(timespec="seconds"),
        "scope": None if token.scope is None else " ".join(sorted(token.scope)),
    }
    return json.dumps(members)


def seconds_left(token: Token) -> float:
    """Return the seconds until a token expires, 0.0 if it has expired."""
    return max(0.0, token.deadline - expiry_clock())
