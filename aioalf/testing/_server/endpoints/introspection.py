"""The introspection endpoint: an API asks what a token is good for (RFC 7662).

Knows what is said of a token; knows nothing of how it came to be.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from aioalf.testing._server.answers import json_answer
from aioalf.testing._server.client_auth.client_authentication import unknown_client
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.mint import Members
from aioalf.testing._server.state.refresh_tokens import RefreshTokenStore
from aioalf.testing._server.state.tokens import TokenStore
from aioalf.testing.settings import Settings


class IntrospectionEndpoint:
    """Tells of any token to any client that has proved who it is."""

    def __init__(
        self,
        settings: Settings,
        issuer: Callable[[], str],
        tokens: TokenStore,
        refresh_tokens: RefreshTokenStore,
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """``active`` and the rest (§2.2); OAuthError for a public client (§2.1)."""
        if client.is_public:
            raise unknown_client("A public client is told nothing of tokens.")
        return json_answer(self._settings, "introspection", self._members(form.required("token")))

    def _members(self, value: str) -> Members:
        if (access := self._tokens.find(value)) is not None:
            said = self._of(access.authorization, access.ends_at)
            return {**said, "token_type": self._settings.token_type}
        if (refresh := self._refresh_tokens.find(value)) is not None:
            return self._of(refresh.authorization, refresh.ends_at)
        return {"active": False}

    def _of(self, authorization: Authorization, ends_at: float) -> Members:
        members: Members = {
            "active": True,
            "iss": self._issuer(),
            "client_id": authorization.client_id,
            "sub": authorization.user or authorization.client_id,
            "username": authorization.user,
            "scope": authorization.scope,
            "aud": [*authorization.resources, *authorization.audience] or None,
            "exp": _wall_clock(ends_at),
        }
        return {name: value for name, value in members.items() if value is not None}


def _wall_clock(ends_at: float) -> int | None:
    left = ends_at - time.monotonic()
    return None if left == float("inf") else int(time.time() + left)
