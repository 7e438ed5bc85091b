"""The introspection endpoint (RFC 7662)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from aiohttp import web

from aioalf.testing._server.client_authentication import invalid_client
from aioalf.testing._server.parameters import Parameters
from aioalf.testing._server.responses import json_response
from aioalf.testing._server.state.authorization import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.tokens import AccessTokenStore, RefreshTokenStore
from aioalf.testing._server.token_response import Members
from aioalf.testing.settings import Settings


class IntrospectionEndpoint:
    """Describes any token to any confidential client."""

    def __init__(
        self,
        settings: Settings,
        issuer: Callable[[], str],
        tokens: AccessTokenStore,
        refresh_tokens: RefreshTokenStore,
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """Return the introspection response (§2.2); raise OAuthError for a public client (§2.1)."""
        if client.is_public:
            raise invalid_client("A public client must not introspect tokens.")
        return json_response(self._settings, "introspection", self._members(form.required("token")))

    def _members(self, value: str) -> Members:
        if (access := self._tokens.find(value)) is not None:
            members = self._describe(access.authorization, access.expires_at)
            return {**members, "token_type": self._settings.token_type}
        if (refresh := self._refresh_tokens.find(value)) is not None:
            return self._describe(refresh.authorization, refresh.expires_at)
        return {"active": False}

    def _describe(self, authorization: Authorization, expires_at: float) -> Members:
        members: Members = {
            "active": True,
            "iss": self._issuer(),
            "client_id": authorization.client_id,
            "sub": authorization.user or authorization.client_id,
            "username": authorization.user,
            "scope": authorization.scope,
            "aud": [*authorization.resources, *authorization.audience] or None,
            "exp": _wall_clock(expires_at),
        }
        return {name: value for name, value in members.items() if value is not None}


def _wall_clock(expires_at: float) -> int | None:
    """Convert a time of the monotonic clock to seconds since the epoch; None if it is infinite."""
    seconds_left = expires_at - time.monotonic()
    return None if seconds_left == math.inf else int(time.time() + seconds_left)
