"""The implicit grant: the token comes back in the browser's redirect (RFC 6749 §4.2).

Kept for what was written for 0.4.0; OAuth 2.1 has removed it (RFC 9700 §2.1.2). It opens a listener
and shows a URL; it stores nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from yarl import URL

from aioalf._auth_server.token_response import ResponsePolicy, read_token
from aioalf._browser.custom_pages import CustomPages
from aioalf._browser.open_url import OpenBrowser
from aioalf._syntax import join_scope, scope_set
from aioalf.grants._interactive import (
    authorization_url,
    login_time_limit,
    refusal,
    require_client_id,
    run_while_showing,
    show_login,
)
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token


@dataclass(frozen=True, slots=True)
class ImplicitLogin:
    """How a person is asked: where the browser comes back to, what shows it, and for how long.

    ``ports`` is an inclusive range; ``authorization_endpoint`` None is
    ``{token_endpoint}/authorize``; ``timeout`` is in seconds, None for no limit.
    """

    ports: tuple[int, int]
    authorization_endpoint: URL | None = None
    open_browser: OpenBrowser | None = None
    timeout: float | None = 300


class Implicit:
    """Have a person sign in; the token is taken from an answer with this login's ``state`` only."""

    name = "implicit"
    can_begin = True
    keeps_refresh_token = False

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

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return the token of a new login.

        Raises AuthorizationError for a no, LoginTimeoutError when nobody came, ListenerError
        without a port.
        """
        client_id = require_client_id(self._client_id)
        state = secrets.token_urlsafe(32)
        async with login_time_limit(self._login.timeout):
            answer = await self._answer(await endpoint.url_of("token_endpoint"), state)
        if "error" in answer:
            raise refusal(answer, (state, client_id))
        return read_token(
            {name: value for name, value in answer.items() if name != "state"}, self._expected
        )

    async def _answer(self, token_endpoint: URL, state: str) -> Mapping[str, str]:
        from aioalf._browser.redirect_listener import (  # noqa: PLC0415 - imports aiohttp.web
            RedirectListener,
        )

        listener = RedirectListener(
            ports=self._login.ports,
            host="localhost",
            awaited=("access_token",),
            custom_pages=self._custom_pages(),
        )
        async with listener:
            url = self._authorization_url(token_endpoint, listener.redirect_uri, state)
            showing = show_login(url, self._login.open_browser)
            return await run_while_showing(showing, listener.wait(state))

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
