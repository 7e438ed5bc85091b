"""The handshake of a websocket: aiohttp lets no middleware of a call see it.

Must not know how tokens are fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from aiohttp import ClientSession, ClientWebSocketResponse
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict

from aioalf._requests.authorization_header import AuthorizationHeader, with_header
from aioalf._requests.retry_on_401 import authorize_hops
from aioalf._requests.session import SessionProvider
from aioalf._requests.targets import reraise_url_error
from aioalf.errors import TokenConfigurationError

_Options = Mapping[str, Any]


async def open_websocket(
    session: ClientSession, url: StrOrURL, options: _Options, authorization: str
) -> ClientWebSocketResponse:
    """Open a websocket with a header value. Raises as aiohttp's ``ws_connect``."""
    arguments = with_header(options, authorization)
    try:
        # The class is generic in newer versions of aiohttp only.
        return cast("ClientWebSocketResponse", await session.ws_connect(url, **arguments))
    except ValueError as error:
        reraise_url_error(error, url)


def prepare_handshake(
    header: AuthorizationHeader, sessions: SessionProvider, options: _Options, authorization: str
) -> tuple[ClientSession, _Options, str]:
    """Return the session, the options and the header value of a handshake.

    Raises TokenConfigurationError if the token could reach another origin.
    """
    session, rules = sessions.current(), header.rules
    if header.is_plain:
        return session, options, authorization
    if sessions.given is None:  # a middleware moves the token to its header
        options, value = authorize_hops(header, authorization, session, options)
        return sessions.guarded(), options, value
    if not header.is_authorization:
        raise TokenConfigurationError(
            f"A websocket of the session that was passed cannot carry a token in {rules.header}, "
            "because aiohttp would send it to another origin after a redirect: pass the settings "
            "of the session to Client instead of session"
        )
    headers = CIMultiDict(rules.headers)
    headers.update(session.headers)
    headers.update(options.get("headers") or ())
    return session, {**options, "headers": headers}, authorization


def without_iterators(options: _Options) -> _Options:
    """Return options whose values can be used for two handshakes."""
    kinds: dict[str, Callable[[Any], object]] = {"headers": CIMultiDict, "protocols": tuple}
    return {**options, **{name: kinds[name](options[name]) for name in kinds if options.get(name)}}
