"""A token as JSON for programs: what is known of it, and never its refresh token. Pure."""

from __future__ import annotations

import json
import time

from aioalf.token import Token


def as_json_text(token: Token) -> str:
    """Return a token as one line; ``expires_in`` is the seconds that are left, None is unknown."""
    members = {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_in": None if token.expires_in is None else int(seconds_left(token)),
        "expires_on": token.expires_on and token.expires_on.isoformat(timespec="seconds"),
        "scope": None if token.scope is None else " ".join(sorted(token.scope)),
    }
    return json.dumps(members)


def seconds_left(token: Token) -> float:
    """Return for how many seconds more a token is good."""
    return max(0.0, token.deadline - time.monotonic())
