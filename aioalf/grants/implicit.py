"""The implicit grant: the browser's redirect carries the token (RFC 6749 §4.2).

Kept for programs written for 0.4.0; OAuth 2.1 removed this grant (RFC 9700 §2.1.2). Opens a
listener and shows a URL; stores nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from yarl import URL

from aioalf._auth_server.token_response import ResponsePolicy, read_token
from aioalf._browser.custom_pages import CustomPages
from aioalf._browser.redirect_uri import RedirectUri
from aioalf._callbacks import OpenBrowser
from aioalf._syntax import join_scope, scope_set
from aioalf.client_auth.credentials import require_client_id
from aioalf.grants._interactive import (
    authorization_error,
    authorization_url,
    login_time_limit,
)
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token


@dataclass(frozen=True, slots=True)
class ImplicitLogin:
    """The settings of a sign-in.

    `ports` are the first and last port of the redirect URI. `authorization_endpoint` is
    ``{token_endpoint}/authorize`` by default. `timeout` is in seconds, None for no limit.
    """

    ports: tuple[int, int]
    authorization_endpoint: URL | None = None
    open_browser: OpenBrowser | None = None
    timeout: float | None = 300


class Implicit:
    """Let a user sign in; only a response with the ``state`` of this sign-in is accepted."""

    name = "implicit"
    can_begin = True
    is_interactive = True
    keeps_refresh_token = False
    reserved_params: frozenset[str] = frozenset({"redirect_uri", "response_type", "state"})
    subject_key: str | None = None

    def __init__(
        self,
        client_id: str | None,
        login: ImplicitLogin,
        scope: str | Collection[str] | None,
        expected: ResponsePolicy | None,
        custom_pages: Callable[[], CustomPages] = CustomPages,
    ) -> None:
        self._client_id = client_id
        self._login = login
        self._scope = join_scope(scope)
        self._custom_pages = custom_pages
        self._expected = (expected or ResponsePolicy()).of(scope_set(self._scope))

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return the token of a new sign-in.

        Raises AuthorizationError if the server refused, LoginTimeoutError if the sign-in took too
        long, and ListenerError if no port is free.
        """
        client_id = require_client_id(self._client_id)
        state = secrets.token_urlsafe(32)
        async with login_time_limit(self._login.timeout):
            response = await self._sign_in(await server.url_of("token_endpoint"), state)
        if "error" in response:
            raise authorization_error(response, (state, client_id))
        return read_token(
            {name: value for name, value in response.items() if name != "state"}, self._expected
        )

    async def _sign_in(self, token_endpoint: URL, state: str) -> Mapping[str, str]:
        from aioalf._browser.redirect_listener import (  # noqa: PLC0415 - imports aiohttp.web
            RedirectListener,
        )

        listener = RedirectListener(
            RedirectUri("localhost", self._login.ports),
            awaited=("access_token",),
            custom_pages=self._custom_pages(),
        )
        async with listener:
            url = self._authorization_url(token_endpoint, listener.redirect_uri, state)
            return await listener.sign_in(url, state, self._login.open_browser)

    def _authorization_url(self, token_endpoint: URL, redirect_uri: str, state: str) -> str:
        parameters = {
            "response_type": "token",
            "client_id": self._client_id or "",
            "redirect_uri": redirect_uri,
            "scope": self._scope,
            "state": state,
        }
        return authorization_url(
            self._login.authorization_endpoint or _below(token_endpoint), parameters
        )


def _below(token_endpoint: URL) -> URL:
    return token_endpoint.with_path(
        token_endpoint.raw_path.rstrip("/") + "/authorize", encoded=True
    )
