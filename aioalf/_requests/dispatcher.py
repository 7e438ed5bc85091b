"""Sends the requests of a client: adds the Authorization header, and repeats a request after a 401.

Must not know how tokens are fetched.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from aiohttp import (
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientWebSocketResponse,
    FormData,
)
from aiohttp.client import DEFAULT_TIMEOUT
from aiohttp.helpers import sentinel
from aiohttp.typedefs import StrOrURL

from aioalf._auth_server.buffered_response import copy_response
from aioalf._masking import Unpicklable
from aioalf._requests.authorization_header import AuthorizationHeader, with_header
from aioalf._requests.retry_on_401 import (
    UNAUTHORIZED,
    authorize_hops,
    should_repeat_call,
    value_after_renewal,
)
from aioalf._requests.session import SessionProvider
from aioalf._requests.targets import RequestTargets, reraise_url_error
from aioalf._requests.time_limit import TimeLimit, start_time_limit
from aioalf._requests.websocket import open_websocket
from aioalf.errors import TokenHTTPError

logger: logging.Logger = logging.getLogger(__name__)

_Options = Mapping[str, Any]
_Request = Callable[..., Awaitable[ClientResponse]]

_REQUEST = ClientSession.request
_REPEATABLE = (type(None), str, bytes, bytearray, memoryview, Mapping, list, tuple, FormData)
"""Types of ``data`` that aiohttp can send twice."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 §9.2.1
_SIMPLE_OPTIONS = frozenset(
    {"allow_redirects", "headers", "max_redirects", "params", "ssl", "timeout"}
)


class RequestDispatcher(Unpicklable):
    """Sends requests and opens websockets with the tokens of one manager."""

    __slots__ = (
        *("_allows_any_https", "_header", "_logged", "_raise_token_errors"),
        *("_sessions", "_simple_methods", "_targets"),
    )

    def __init__(
        self,
        header: AuthorizationHeader,
        sessions: SessionProvider,
        targets: RequestTargets,
        *,
        raise_token_errors: bool,
    ) -> None:
        self._header = header
        self._sessions = sessions
        self._targets = targets
        self._allows_any_https: bool = targets.policy.allowed is None  # stays so: never pinned
        # Simple requests get the header as an argument, and need no middleware.
        is_simple = header.is_plain and not sessions.changes_responses
        self._simple_methods = _SAFE_METHODS if is_simple else frozenset[str]()
        self._raise_token_errors = raise_token_errors
        self._logged: object = None

    def derive(self, header: AuthorizationHeader) -> RequestDispatcher:
        """Return a dispatcher with other tokens, and the same session and origins."""
        return RequestDispatcher(
            header, self._sessions, self._targets, raise_token_errors=self._raise_token_errors
        )

    # Requests

    async def send(self, method: str, url: StrOrURL, options: _Options) -> ClientResponse:
        """Send a request; return its response, or the error response of the token endpoint."""
        session = self._sessions.current()
        # Most URLs need not be parsed, which costs time.
        is_any_https = (
            self._allows_any_https
            and isinstance(url, str)
            and url.startswith("https://")
            and "@" not in url
            and "auth" not in options
        )
        target = url if is_any_https else self._targets.find(url, options.get("auth"))
        limit = self._time_limit(options) if options or self._sessions.timeout else None
        try:
            authorization = self._header.cached()
            if target is None or authorization is None:
                async with _wait(limit):
                    target, authorization = await self._fetch(session, target, url)
                session, options = self._sessions.current(), self._with_rest(options, limit)
            if method in self._simple_methods and (
                not options or options.keys() <= _SIMPLE_OPTIONS
            ):
                arguments, sent = with_header(options, authorization), authorization
            else:  # our middleware repeats the rejected hop alone
                arguments, sent = authorize_hops(self._header, authorization, session, options)
                arguments = self._sessions.with_middleware(arguments)
                session = self._sessions.guarded()
            try:
                request: _Request = session.request  # which mocks and recorders replace
                if getattr(request, "__func__", None) is _REQUEST:
                    # aiohttp's method only calls this one. To call it directly saves as much time
                    # as all checks take.
                    request = session._request  # pyright: ignore[reportPrivateUsage]
                response = await request(method, target, **arguments)
            except ClientResponseError as error:  # raise_for_status
                if error.status != UNAUTHORIZED or not self._can_repeat(
                    error, options, sent, target
                ):
                    raise
            else:
                if response.status != UNAUTHORIZED or not self._can_repeat(
                    response, options, sent, target
                ):
                    return response
                response.release()
            return await self._send_again(session, method, target, arguments, sent, limit)
        except TokenHTTPError as error:
            return await self._error_response(error, session, options)
        except ValueError as error:
            reraise_url_error(error, target or url)

    async def _fetch(
        self, session: ClientSession, target: StrOrURL | None, url: StrOrURL
    ) -> tuple[StrOrURL, str]:
        """Wait for a token, which may name the base URL. Return the URL and the header value."""
        self._header.check_open()
        if target is None:
            token = await self._header.token(session)
            target = self._targets.find_with(token, url)
            authorization = self._header.value_of(token.access_token)
        else:
            authorization = await self._header.get(session)
        self._header.check_open()
        return target, authorization

    async def _send_again(
        self,
        session: ClientSession,
        method: str,
        url: StrOrURL,
        arguments: dict[str, Any],
        rejected: str,
        limit: TimeLimit | None,
    ) -> ClientResponse:
        async with _wait(limit):
            renewed = await self._header.renew(rejected, session)
        self._header.check_open()
        if limit is not None:
            arguments["timeout"] = limit.rest()
        repeated = with_header(arguments, value_after_renewal(rejected, renewed))
        response = await session.request(method, url, **repeated)
        self._header.note_result(response.status)
        return response

    def _time_limit(self, options: _Options) -> TimeLimit | None:
        # The default timeout of the client's own session is no limit: a sign-in may take longer.
        timeout = options.get("timeout", sentinel)
        return start_time_limit(self._sessions.timeout if timeout is sentinel else timeout)

    def _with_rest(self, options: _Options, limit: TimeLimit | None) -> _Options:
        """Return the options of a request that is sent after a wait for its token."""
        is_default = (
            options.get("timeout", sentinel) is sentinel
            and self._sessions.timeout == DEFAULT_TIMEOUT
        )
        # aiohttp's default timeout is not passed: the caller did not set it, and recorders would
        # see it.
        return options if limit is None or is_default else {**options, "timeout": limit.rest()}

    def _can_repeat(
        self,
        response: ClientResponse | ClientResponseError,
        options: _Options,
        sent: str,
        target: StrOrURL,
    ) -> bool:
        can_repeat = isinstance(options.get("data"), _REPEATABLE)
        return should_repeat_call(self._header, response, sent, target, can_repeat=can_repeat)

    # Websockets

    async def connect(self, url: StrOrURL, options: _Options) -> ClientWebSocketResponse:
        """Open a websocket."""
        session = self._sessions.current()
        target = self._targets.find(url, options.get("auth"))
        async with _wait(start_time_limit(self._sessions.timeout)):
            authorization = self._header.cached()
            if target is None or authorization is None:
                target, authorization = await self._fetch(session, target, url)
            return await open_websocket(
                self._header, self._sessions, target, options, authorization
            )

    # Errors

    async def _error_response(
        self, error: TokenHTTPError, session: ClientSession, options: _Options
    ) -> ClientResponse:
        status = error.response_status or 0
        if self._raise_token_errors or error.response is None or status < 400:
            raise error
        # Callers that share a failure get copies of one response, with the same headers object.
        if error.response.headers is not self._logged:
            self._logged = error.response.headers
            logger.warning("%s; its response is returned, the request was not sent", error)
        response = copy_response(error.response)
        check = options.get("raise_for_status")
        if check is None:
            check = session.raise_for_status
        if check is True:
            response.raise_for_status()
        elif check:
            await check(response)
        return response


def _wait(limit: TimeLimit | None) -> AbstractAsyncContextManager[object]:
    return nullcontext() if limit is None else limit.wait()
