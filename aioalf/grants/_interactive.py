"""What the grants that ask a person share: a URL to be shown, a wait beside it, a no as an error.

It knows people and time limits; it knows neither codes nor tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlencode

from yarl import URL

from aioalf._auth_server.request_params import Form
from aioalf._browser.open_url import OpenBrowser, log_url, open_url
from aioalf._redaction import mask_secrets, printable
from aioalf.errors import (
    AUTHORIZATION_ERRORS,
    AuthorizationError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenError,
)
from aioalf.grants.protocols import AuthorizationServer

T = TypeVar("T")


def client_id_of(endpoint: AuthorizationServer) -> str:
    """Return the client's id. Raises TokenConfigurationError without one."""
    return require_client_id(endpoint.client_id)


def require_client_id(client_id: str | None) -> str:
    """Return it. Raises TokenConfigurationError for none."""
    if not client_id:
        raise TokenConfigurationError("Missing client_id: pass it to Client")
    return client_id


def check_timeout(timeout: float | None) -> float | None:
    """Return it. Raises TokenConfigurationError for what is no time to wait."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise TokenConfigurationError(
            "timeout must be a number of seconds above 0, or None for no limit"
        )
    return timeout


@asynccontextmanager
async def login_time_limit(timeout: float | None) -> AsyncIterator[None]:
    """Raise LoginTimeoutError for what takes longer, in seconds."""
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError:
        raise LoginTimeoutError(f"Nobody signed in within {timeout} seconds") from None


async def run_while_showing(showing: Coroutine[object, object, object], waiting: Awaitable[T]) -> T:
    """Return what was waited for; what is shown meanwhile ends with it, or ends it by failing.

    Raises the TokenError of either.
    """
    try:
        async with asyncio.TaskGroup() as group:
            shower = group.create_task(showing)
            result = await waiting
            shower.cancel()
    except BaseExceptionGroup as errors:
        # Not `except*`: before Python 3.11.4, what is raised in it comes out in a group.
        ours, others = errors.split(TokenError)
        if ours is None or others is not None:
            raise
        raise ours.exceptions[0] from ours.exceptions[0].__cause__
    return result


async def show_login(
    url: str, open_browser: OpenBrowser | None, otherwise: Callable[[str], None] = log_url
) -> None:
    """Show the URL of a login. Raises TokenError, with what went wrong as its cause."""
    try:
        await open_url(url, open_browser, otherwise)
    except Exception as error:
        raise TokenError(f"The browser could not be opened: {type(error).__name__}") from error


def authorization_url(endpoint: URL, parameters: Form) -> str:
    """Return the URL of a login, the endpoint's own query kept (RFC 6749 §3.1)."""
    sent = {name: value for name, value in parameters.items() if value}
    query = urlencode(sent, doseq=True)
    own = endpoint.raw_query_string
    return f"{endpoint.with_query(None)}?{own}&{query}" if own else f"{endpoint}?{query}"


def refusal(answer: Mapping[str, str], secrets: Iterable[str] = ()) -> AuthorizationError:
    """Return the error that an answer in the browser is, without what is secret."""
    words = {
        name: mask_secrets(answer[name], secrets)
        for name in ("error", "error_description", "error_uri")
        if name in answer
    }
    error, description = words["error"], words.get("error_description")
    said = printable(error, 80) + (f": {printable(description)}" if description else "")
    return AUTHORIZATION_ERRORS.get(error, AuthorizationError)(
        f"The authorization server answered {said}",
        error=error,
        error_description=description,
        error_uri=words.get("error_uri"),
    )
