"""The handshake of a websocket, which is repeated once after a 401.

aiohttp lets no middleware of a call see it. Must not know how tokens are fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from aiohttp import ClientResponseError, ClientSession, ClientWebSocketResponse
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict

from aioalf._requests.authorization_header import AuthorizationHeader, with_header
from aioalf._requests.retry_on_401 import (
    UNAUTHORIZED,
    authorize_hops,
    should_repeat_call,
    value_after_renewal,
)
from aioalf._requests.session import SessionProvider
from aioalf._requests.targets import reraise_url_error
from aioalf.errors import TokenConfigurationError

_Options = Mapping[str, Any]

_SWITCHING_PROTOCOLS = 101


async def open_websocket(
    header: AuthorizationHeader,
    sessions: SessionProvider,
    url: StrOrURL,
    options: _Options,
    authorization: str,
) -> ClientWebSocketResponse:
    """Open a websocket. After a 401 the handshake is repeated once with a new token.

    Raises as aiohttp's ``ws_connect``, TokenError, and TokenConfigurationError if the token could
    reach another origin.
    """
    session, options, sent = _prepare(header, sessions, _without_iterators(options), authorization)
    try:
        return await _connect(session, url, options, sent)
    except ClientResponseError as error:
        if error.status != UNAUTHORIZED or not should_repeat_call(
            header, error, sent, url, can_repeat=True
        ):
            raise
    renewed = await header.renew(sent, session)
    header.check_open()
    websocket = await _connect(session, url, options, value_after_renewal(sent, renewed))
    header.note_result(_SWITCHING_PROTOCOLS)
    return websocket


async def _connect(
    session: ClientSession, url: StrOrURL, options: _Options, authorization: str
) -> ClientWebSocketResponse:
    arguments = with_header(options, authorization)
    try:
        # The class is generic in newer versions of aiohttp only.
        return cast("ClientWebSocketResponse", await session.ws_connect(url, **arguments))
    except ValueError as error:
        reraise_url_error(error, url)


def _prepare(
    header: AuthorizationHeader, sessions: SessionProvider, options: _Options, authorization: str
) -> tuple[ClientSession, _Options, str]:
    """Return the session, the options and the header value of the first handshake."""
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


def _without_iterators(options: _Options) -> _Options:
    """Return options whose values can be used for two handshakes."""
    kinds: dict[str, Callable[[Any], object]] = {"headers": CIMultiDict, "protocols": tuple}
    return {**options, **{name: kinds[name](options[name]) for name in kinds if options.get(name)}}
