"""Whom a token speaks for that a client wants to exchange: one of ours, or one from elsewhere.

RFC 8693 §3. Plain values; knows nothing of requests and answers.
"""

from __future__ import annotations

from aioalf.testing._server.oauth_error import invalid_request
from aioalf.testing._server.state.tokens import TokenStore

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"


class SubjectTokens:
    """The tokens of this server, and those that a test has made known to it."""

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens
        self._known: dict[tuple[str, str], str] = {}

    def add(self, token: str, token_type: str, subject: str) -> None:
        """Trust a token from elsewhere."""
        self._known[token, token_type] = subject

    def subject(self, token: str, token_type: str) -> str:
        """Whom the token speaks for; OAuthError ``invalid_request`` for one that is not good."""
        if (token, token_type) in self._known:
            return self._known[token, token_type]
        ours = self._tokens.find(token) if token_type == ACCESS_TOKEN_TYPE else None
        if ours is None:
            raise invalid_request("A token to be exchanged is unknown, or no longer good.")
        return ours.authorization.user or ours.authorization.client_id
