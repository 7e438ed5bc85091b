"""The access tokens that the server issued, and which of them still count.

Reads one monotonic clock; knows nothing of requests and answers.
"""

from __future__ import annotations

import math
import secrets
import time
from dataclasses import dataclass, field, replace

from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing.settings import MISSING, Json, Missing, Settings


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """One token: ``number`` counts from 1."""

    number: int
    access_token: str = field(repr=False)
    authorization: Authorization
    expires_in: Json | Missing
    ends_at: float = field(repr=False)


class TokenStore:
    """Every token issued that is not revoked, by its value."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens: dict[str, IssuedToken] = {}
        self._issued = 0

    def issue(self, authorization: Authorization) -> IssuedToken:
        """Make a new token, with the lifetime that the settings say now."""
        self._issued += 1
        value, expires_in = secrets.token_urlsafe(24), self._settings.expires_in
        ends_at = time.monotonic() + _seconds(expires_in)
        token = IssuedToken(self._issued, value, authorization, expires_in, ends_at)
        self._tokens[value] = token
        return token

    def find(self, access_token: str) -> IssuedToken | None:
        """The token of this value if it is neither expired nor revoked."""
        token = self._tokens.get(access_token)
        return token if token is not None and time.monotonic() < token.ends_at else None

    def revoke(self, access_token: str) -> None:
        """Forget one token; an unknown one is no error (RFC 7009 §2.2)."""
        self._tokens.pop(access_token, None)

    def revoke_family(self, family: str) -> None:
        """Forget every token that came of one authorization."""
        self._tokens = {
            value: token
            for value, token in self._tokens.items()
            if token.authorization.family != family
        }

    def revoke_all(self) -> None:
        """Forget every token."""
        self._tokens.clear()

    def expire_all(self) -> None:
        """End the life of every token now."""
        now = time.monotonic()
        self._tokens = {value: replace(t, ends_at=now) for value, t in self._tokens.items()}


def _seconds(expires_in: Json | Missing) -> float:
    if expires_in is MISSING or not isinstance(expires_in, (int, float, str)):
        return math.inf
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return math.inf
    return seconds if seconds > 0 and not isinstance(expires_in, bool) else math.inf
