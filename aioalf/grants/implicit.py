"""The implicit grant: the token comes back in the browser's redirect (RFC 6749 §4.2).

Kept for what was written for 0.4.0; OAuth 2.1 has removed it (RFC 9700 §2.1.2). It opens a listener
and shows a URL; it stores nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from yarl import URL

from aioalf.browser import OpenBrowser, show
from aioalf.errors import (
    AUTHORIZATION_ERRORS,
    AuthorizationError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenError,
)
from aioalf.grants.contract import TokenSource
from aioalf.loopback import RedirectListener
from aioalf.redaction import printable
from aioalf.scope import join_scope, scope_set
from aioalf.token import Token
from aioalf.token_response import Expected, read_token


@dataclass(frozen=True, slots=True)
class Login:
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

    __slots__ = ("_client_id", "_expected", "_login", "_scope")

    def __init__(
        self,
        client_id: str | None,
        login: Login,
        scope: str | Collection[str] | None,
        expected: Expected,
    ) -> None:
        self._client_id = client_id
        self._login = login
        self._scope = join_scope(scope)
        self._expected = expected.of(scope_set(self._scope))

    async def request_token(self, endpoint: TokenSource) -> Token:
        """Return the token of a new login.

        Raises AuthorizationError for a no, LoginTimeoutError when nobody came, ListenerError
        without a port.
        """
        if not self._client_id:
            raise TokenConfigurationError("Missing client_id: pass it to Client")
        try:
            async with asyncio.timeout(self._login.timeout):
                answer = await self._answer(endpoint.url)
        except TimeoutError:
            raise LoginTimeoutError(
                f"Nobody signed in within {self._login.timeout} seconds"
            ) from None
        if "error" in answer:
            raise _refusal(answer)
        return read_token(
            {name: value for name, value in answer.items() if name != "state"}, self._expected
        )

    async def _answer(self, token_endpoint: URL) -> Mapping[str, str]:
        state = secrets.token_urlsafe(32)
        listener = RedirectListener(
            ports=self._login.ports, host="localhost", awaited=("access_token",)
        )
        async with listener:
            url = self._authorization_url(token_endpoint, listener.redirect_uri, state)
            try:
                async with asyncio.TaskGroup() as group:
                    showing = group.create_task(self._show(url))
                    answer = await listener.wait(state)
                    showing.cancel()
            except* TokenError as errors:
                raise errors.exceptions[0] from errors.exceptions[0].__cause__
        return answer

    async def _show(self, url: str) -> None:
        try:
            await show(url, self._login.open_browser)
        except Exception as error:
            raise TokenError(f"The browser could not be opened: {type(error).__name__}") from error

    def _authorization_url(self, token_endpoint: URL, redirect_uri: str, state: str) -> str:
        endpoint = self._login.authorization_endpoint or _below(token_endpoint)
        parameters = {
            "response_type": "token",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": self._scope,
            "state": state,
        }
        query = urlencode({name: value for name, value in parameters.items() if value})
        own = endpoint.raw_query_string
        return f"{endpoint.with_query(None)}?{own}&{query}" if own else f"{endpoint}?{query}"


def _below(token_endpoint: URL) -> URL:
    return token_endpoint.with_path(
        token_endpoint.raw_path.rstrip("/") + "/authorize", encoded=True
    )


def _refusal(answer: Mapping[str, str]) -> AuthorizationError:
    error, description = answer["error"], answer.get("error_description")
    words = printable(error, 80) + (f": {printable(description)}" if description else "")
    return AUTHORIZATION_ERRORS.get(error, AuthorizationError)(
        f"The authorization server answered {words}",
        error=error,
        error_description=description,
        error_uri=answer.get("error_uri"),
    )
