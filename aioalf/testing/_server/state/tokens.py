"""The access tokens and refresh tokens that the server has issued, and which are still valid.

RFC 6749 §6, RFC 9700 §4.14.2. Must not know requests and responses.
"""

from __future__ import annotations

import math
import secrets
import time
from dataclasses import dataclass, field, replace

from aioalf.testing._server.responses import OAuthError
from aioalf.testing._server.state.authorization import Authorization
from aioalf.testing.settings import MISSING, Json, Missing, Settings


@dataclass(frozen=True)
class AccessToken:
    """An access token; ``number`` counts the tokens of a server from 1."""

    number: int
    value: str = field(repr=False)
    authorization: Authorization
    expires_in: Json | Missing
    expires_at: float = field(repr=False)  # monotonic clock


class AccessTokenStore:
    """The access tokens that were not revoked, by value."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens: dict[str, AccessToken] = {}
        self._issued = 0

    def issue(self, authorization: Authorization) -> AccessToken:
        """Create an access token with the lifetime of the current settings."""
        self._issued += 1
        value = self._settings.behaviour.token_prefix + secrets.token_urlsafe(24)
        expires_in = self._settings.expires_in
        expires_at = time.monotonic() + _lifetime(expires_in)
        token = AccessToken(self._issued, value, authorization, expires_in, expires_at)
        self._tokens[value] = token
        return token

    def find(self, value: str) -> AccessToken | None:
        """Return the token if it is neither expired nor revoked."""
        token = self._tokens.get(value)
        return token if token is not None and time.monotonic() < token.expires_at else None

    def revoke(self, value: str) -> None:
        """Revoke one token; an unknown value is ignored (RFC 7009 §2.2)."""
        self._tokens.pop(value, None)

    def revoke_family(self, family: str) -> None:
        """Revoke every token of one authorization."""
        self._tokens = {
            value: token
            for value, token in self._tokens.items()
            if token.authorization.family != family
        }

    def revoke_all(self) -> None:
        """Revoke every token."""
        self._tokens.clear()

    def expire_all(self) -> None:
        """Expire every token now."""
        now = time.monotonic()
        self._tokens = {value: replace(t, expires_at=now) for value, t in self._tokens.items()}


def _lifetime(expires_in: Json | Missing) -> float:
    """Return the seconds that a token is valid for, whatever is sent as ``expires_in``."""
    if expires_in is MISSING or not isinstance(expires_in, (int, float, str)):
        return math.inf
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return math.inf
    return seconds if seconds > 0 and not isinstance(expires_in, bool) else math.inf


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token; with rotation it is single-use."""

    value: str = field(repr=False)
    authorization: Authorization
    expires_at: float = field(repr=False)  # monotonic clock
    is_used: bool = False


class RefreshTokenStore:
    """The refresh tokens that were not revoked, including the used ones, by value."""

    def __init__(self, settings: Settings, access_tokens: AccessTokenStore) -> None:
        self._settings = settings
        self._access_tokens = access_tokens
        self._tokens: dict[str, RefreshToken] = {}

    def issue(self, authorization: Authorization) -> str:
        """Create a refresh token and return its value."""
        value = self._settings.behaviour.refresh_token_prefix + secrets.token_urlsafe(32)
        expires_at = time.monotonic() + self._settings.refresh_token_lifetime
        self._tokens[value] = RefreshToken(value, authorization, expires_at)
        return value

    def find(self, value: str) -> RefreshToken | None:
        """Return the refresh token if it can still be used."""
        token = self._tokens.get(value)
        if token is None or token.is_used or time.monotonic() >= token.expires_at:
            return None
        return token

    def check(self, value: str, client_id: str) -> Authorization:
        """Return the authorization of a refresh token; raise OAuthError if it is not valid.

        If the token was used before, every token of its family is revoked (RFC 9700 §4.14.2).
        """
        token = self._tokens.get(value)
        if token is None or token.authorization.client_id != client_id:
            raise _invalid_grant("The refresh token is unknown or belongs to another client.")
        if token.is_used:
            self.revoke_family(token.authorization.family)
            raise _invalid_grant("The refresh token was used before: its family is revoked now.")
        if time.monotonic() >= token.expires_at:
            raise _invalid_grant("The refresh token has expired.")
        return token.authorization

    def rotate(self, value: str) -> str:
        """Mark a refresh token as used and return a new one of the same family."""
        token = self._tokens[value]
        self._tokens[value] = replace(token, is_used=True)
        return self.issue(token.authorization)

    def revoke_family(self, family: str) -> None:
        """Revoke every access token and refresh token of one authorization."""
        self._access_tokens.revoke_family(family)
        self._tokens = {
            value: token
            for value, token in self._tokens.items()
            if token.authorization.family != family
        }

    def revoke_all(self) -> None:
        """Revoke every refresh token."""
        self._tokens.clear()


def _invalid_grant(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)
