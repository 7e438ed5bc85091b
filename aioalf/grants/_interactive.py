"""Steps that the grants in which a user signs in share: time limit, URL, error response.

Must not know browsers, authorization codes or tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import unquote_plus, urlencode

from yarl import URL

from aioalf._auth_server.request_params import Form
from aioalf._hidden_repr import MaskedDict
from aioalf._masking import mask_secrets, printable
from aioalf._syntax import number_or_type
from aioalf.errors import (
    AUTHORIZATION_ERRORS,
    AuthorizationError,
    LoginTimeoutError,
    TokenConfigurationError,
)
from aioalf.grants.protocols import AuthorizationServer


def check_timeout(timeout: float | None) -> float | None:
    """Return the timeout. Raises TokenConfigurationError if it is neither positive nor None."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise TokenConfigurationError(
            "timeout must be a number of seconds above 0, or None for no limit, "
            f"not {number_or_type(timeout)}"
        )
    return timeout


@asynccontextmanager
async def login_time_limit(timeout: float | None) -> AsyncIterator[None]:
    """Raise LoginTimeoutError if the block takes longer than `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError:
        raise LoginTimeoutError(f"The user did not sign in within {timeout} seconds") from None


def request_params_of(server: AuthorizationServer) -> dict[str, str | tuple[str, ...]]:
    """Return the parameters of the client, with the default scope of the server if it has none."""
    params = server.request_params.form()
    return MaskedDict(
        {**params, "scope": params["scope"] or server.authorization_rules.default_scope}
    )


def authorization_url(endpoint: URL, parameters: Form) -> str:
    """Return the URL of an authorization request.

    The endpoint's query is kept, except for parameters that the request sends itself: none may
    appear twice (RFC 6749 §3.1).
    """
    sent = {name: value for name, value in parameters.items() if value}
    own = [
        pair
        for pair in endpoint.raw_query_string.split("&")
        if pair and unquote_plus(pair.partition("=")[0]) not in sent
    ]
    return f"{endpoint.with_query(None)}?{'&'.join([*own, urlencode(sent, doseq=True)])}"


def authorization_error(
    response: Mapping[str, str], secrets: Iterable[str] = ()
) -> AuthorizationError:
    """Return the error for an error response in the browser, with the secrets masked."""
    words = {
        name: mask_secrets(response[name], secrets)
        for name in ("error", "error_description", "error_uri")
        if name in response
    }
    error, description = words["error"], words.get("error_description")
    reason = printable(error, 80) + (f": {printable(description)}" if description else "")
    return AUTHORIZATION_ERRORS.get(error, AuthorizationError)(
        f"The authorization server answered {reason}",
        error=error,
        error_description=description,
        error_uri=words.get("error_uri"),
    )
