"""The refresh tokens that the server issued: who may use them, how often and how long.

RFC 6749 §6, RFC 9700 §4.14.2. Reads one monotonic clock; knows nothing of requests and answers.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace

from aioalf.testing._server.oauth_error import OAuthError
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.tokens import TokenStore
from aioalf.testing.settings import Settings


@dataclass(frozen=True, slots=True)
class IssuedRefreshToken:
    """One refresh token; it is used once only where they rotate."""

    refresh_token: str = field(repr=False)
    authorization: Authorization
    ends_at: float = field(repr=False)
    is_used: bool = False


class RefreshTokenStore:
    """Every refresh token issued that is not revoked, those that are used up included."""

    def __init__(self, settings: Settings, tokens: TokenStore) -> None:
        self._settings = settings
        self._access_tokens = tokens
        self._tokens: dict[str, IssuedRefreshToken] = {}

    def issue(self, authorization: Authorization) -> str:
        """Make a new refresh token."""
        value = secrets.token_urlsafe(32)
        ends_at = time.monotonic() + self._settings.refresh_token_lifetime
        self._tokens[value] = IssuedRefreshToken(value, authorization, ends_at)
        return value

    def find(self, refresh_token: str) -> IssuedRefreshToken | None:
        """The refresh token of this value if it may still be used."""
        token = self._tokens.get(refresh_token)
        if token is None or token.is_used or time.monotonic() >= token.ends_at:
            return None
        return token

    def check(self, refresh_token: str, client_id: str) -> Authorization:
        """What the refresh token is good for; OAuthError, and the family's end if used before."""
        token = self._tokens.get(refresh_token)
        if token is None or token.authorization.client_id != client_id:
            raise _invalid_grant("The refresh token is unknown, or another client's.")
        if token.is_used:
            self.revoke_family(token.authorization.family)
            raise _invalid_grant("The refresh token was used before: all of its family ends.")
        if time.monotonic() >= token.ends_at:
            raise _invalid_grant("The refresh token has expired.")
        return token.authorization

    def rotate(self, refresh_token: str) -> str:
        """Use up a refresh token that `check` let pass, and issue the next of its family."""
        token = self._tokens[refresh_token]
        self._tokens[refresh_token] = replace(token, is_used=True)
        return self.issue(token.authorization)

    def revoke_family(self, family: str) -> None:
        """Forget every token that came of one authorization, access tokens included."""
        self._access_tokens.revoke_family(family)
        self._tokens = {
            value: token
            for value, token in self._tokens.items()
            if token.authorization.family != family
        }

    def revoke_all(self) -> None:
        """Forget every refresh token."""
        self._tokens.clear()


def _invalid_grant(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)
