"""Sends the requests of a client: adds the Authorization header, and repeats a request after a 401.

Must not know how tokens are fetched.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, NoReturn, cast

from aiohttp import (
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientWebSocketResponse,
    FormData,
    InvalidURL,
)
from aiohttp.client import DEFAULT_TIMEOUT
from aiohttp.hdrs import AUTHORIZATION
from aiohttp.helpers import sentinel
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict
from yarl import URL

from aioalf._auth_server.buffered_response import copy_response
from aioalf._redaction import Unpicklable
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.origin_policy import OriginPolicy, origin_of
from aioalf._requests.retry_on_401 import (
    UNAUTHORIZED,
    AuthorizationValue,
    should_renew,
)
from aioalf._requests.session import SessionProvider
from aioalf._requests.time_limit import TimeLimit, start_time_limit
from aioalf._urls import redact_url
from aioalf.errors import TokenHTTPError

logger: logging.Logger = logging.getLogger(__name__)

_Options = Mapping[str, Any]
_Request = Callable[..., Awaitable[ClientResponse]]

_REQUEST = ClientSession.request
_SWITCHING_PROTOCOLS = 101
_REPEATABLE = (type(None), str, bytes, bytearray, memoryview, Mapping, list, tuple, FormData)
"""Types of ``data`` that aiohttp can send twice."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 §9.2.1
_SIMPLE_OPTIONS = frozenset(
    {"allow_redirects", "headers", "max_redirects", "params", "ssl", "timeout"}
)
_INVALID_HOST: Final = "the host name, or the one in a redirect, is invalid"
_URL_PROBLEMS: Final = {
    "AUTHORIZATION header": (
        "a redirect, the session or its netrc file adds credentials to the token: remove them"
    ),
    "'idna' codec": _INVALID_HOST,
    "label empty or too long": _INVALID_HOST,  # Python 3.12 and uvloop do not name the codec
}
"""Words in the ValueErrors of aiohttp and Python that a server can cause, and their meaning."""


class RequestDispatcher(Unpicklable):
    """Sends requests and opens websockets with the tokens of one manager."""

    __slots__ = ("_header", "_logged", "_policy", "_raise_token_errors", "_sessions")

    def __init__(
        self,
        header: AuthorizationHeader,
        sessions: SessionProvider,
        policy: OriginPolicy,
        *,
        raise_token_errors: bool,
    ) -> None:
        self._header = header
        self._sessions = sessions
        self._policy = policy
        self._raise_token_errors = raise_token_errors
        self._logged: object = None

    def derive(self, header: AuthorizationHeader) -> RequestDispatcher:
        """Return a dispatcher with other tokens, and the same session and origins."""
        return RequestDispatcher(
            header, self._sessions, self._policy, raise_token_errors=self._raise_token_errors
        )

    # Requests

    async def send(
        self,
        method: str,
        url: StrOrURL,
        options: _Options,
        authorization: str | None = None,
    ) -> ClientResponse:
        """Send a request; return its response, or the error response of the token endpoint."""
        self._check_open()
        session = self._sessions.current()
        target = self._check_target(session, url, options)
        limit = self._time_limit(options) if options or self._sessions.given else None
        try:
            authorization = authorization or self._header.cached()
            if authorization is None:
                async with _wait(limit):
                    authorization = await self._header.get(session)
                rest = self._with_rest(options, limit)
                return await self.send(method, url, rest, authorization)
            if (
                method in _SAFE_METHODS
                and _SIMPLE_OPTIONS.issuperset(options)
                and not self._sessions.changes_responses
            ):
                arguments, sent = _with_header(options, authorization), authorization
            else:  # our middleware repeats the rejected hop alone
                sent = AuthorizationValue(authorization, self._header)
                arguments = self._sessions.with_middleware(_with_header(options, sent))
                session = self._sessions.guarded()
            try:
                response = await self._request_of(session)(method, url, **arguments)
            except ClientResponseError as error:  # raise_for_status
                if error.status != UNAUTHORIZED or not self._should_retry(
                    error, options, sent, target
                ):
                    raise
            else:
                if response.status != UNAUTHORIZED or not self._should_retry(
                    response, options, sent, target
                ):
                    return response
                response.release()
            return await self._send_again(session, method, url, arguments, sent, limit)
        except TokenHTTPError as error:
            return await self._error_response(error, session, options)
        except ValueError as error:
            _reraise(error, target)

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
        self._check_open()
        if limit is not None:
            arguments["timeout"] = limit.rest()
        repeated = _with_header(arguments, renewed)
        response = await self._request_of(session)(method, url, **repeated)
        self._header.note_result(response.status)
        return response

    def _request_of(self, session: ClientSession) -> _Request:
        """Return the method that sends a request.

        The private method of the client's own session saves more time than the dispatcher takes.
        It is also the method that mocks and recorders replace.
        """
        if self._sessions.given is None and ClientSession.request is _REQUEST:
            return session._request  # pyright: ignore[reportPrivateUsage]
        return session.request

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
        # aiohttp's default is no wish of the caller, and recorders would see the argument.
        return options if limit is None or is_default else {**options, "timeout": limit.rest()}

    def _should_retry(
        self,
        response: ClientResponse | ClientResponseError,
        options: _Options,
        sent: str,
        target: StrOrURL,
    ) -> bool:
        """Decide after a 401 that no middleware handled: a mock may replace aiohttp's sending."""
        if isinstance(sent, AuthorizationValue) and sent.was_rejected:
            return False
        if not _is_from_origin_of(URL(target), response):
            logger.debug(
                "The 401 of %s is returned: a redirect led to another origin, which gets no token",
                redact_url(response.request_info.url),
            )
            return False
        can_repeat = isinstance(options.get("data"), _REPEATABLE)
        headers = CIMultiDict(response.headers or ())
        return should_renew(self._header, sent, headers, can_repeat=can_repeat)

    # Websockets

    async def connect(self, url: StrOrURL, options: _Options) -> ClientWebSocketResponse:
        """Open a websocket."""
        self._check_open()
        session = self._sessions.current()
        target = self._check_target(session, url, options)
        options = _without_iterators(options)
        async with _wait(start_time_limit(self._sessions.timeout)):
            sent = self._header.cached() or await self._header.get(session)
            try:
                return await _open_websocket(session, url, options, sent)
            except ClientResponseError as error:  # ws_connect accepts no middlewares
                if error.status != UNAUTHORIZED or not self._should_retry(error, {}, sent, target):
                    raise
            renewed = await self._header.renew(sent, session)
            self._check_open()
            websocket = await _open_websocket(session, url, options, renewed)
            self._header.note_result(_SWITCHING_PROTOCOLS)
            return websocket

    # Checks and errors

    def _check_open(self) -> None:
        if self._header.is_closed:
            raise RuntimeError("Session is closed")  # aiohttp's words

    def _check_target(self, session: ClientSession, url: StrOrURL, options: _Options) -> StrOrURL:
        """Return the absolute URL, after a check that a token may be sent there.

        Raises ValueError if the call has other credentials, and as `OriginPolicy.check`.
        """
        if options.get("auth") is not None:
            raise _two_credentials()
        # Parsing the URL costs time, and most clients allow any https URL.
        if (
            self._policy.allowed is None
            and isinstance(url, str)
            and url.startswith("https://")
            and "@" not in url
        ):
            return url
        try:
            target = URL(url)
        except (TypeError, ValueError):
            return url  # aiohttp reports what is wrong with it
        if "@" in target.raw_authority:
            raise _two_credentials()
        base: URL | None = getattr(session, "_base_url", None)  # it has no public name
        if not target.absolute and base is not None:
            target = base.join(target)
        if target.absolute or self._policy.allowed is not None:
            self._policy.check(target)
        return target

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


def _with_header(options: _Options, authorization: str) -> dict[str, Any]:
    """Return a copy of the options with the Authorization header added to a copy of the headers."""
    given = options.get("headers")
    if not given:
        return {**options, "headers": {AUTHORIZATION: authorization}}
    headers = CIMultiDict(given)
    headers[AUTHORIZATION] = authorization
    return {**options, "headers": headers}


def _without_iterators(options: _Options) -> _Options:
    kinds: dict[str, Callable[[Any], object]] = {"headers": CIMultiDict, "protocols": tuple}
    return {**options, **{name: kinds[name](options[name]) for name in kinds if options.get(name)}}


def _two_credentials() -> ValueError:
    return ValueError(
        "auth= or credentials in a URL cannot be used with a Client: "
        "its requests carry a bearer token"
    )


def _reraise(error: ValueError, url: StrOrURL) -> NoReturn:
    """Raise InvalidURL, a ClientError, if a server can cause the error; else the error itself."""
    for words, problem in _URL_PROBLEMS.items():
        if words in str(error):
            raise InvalidURL(redact_url(URL(url)), problem) from error
    raise error


async def _open_websocket(
    session: ClientSession, url: StrOrURL, options: _Options, authorization: str
) -> ClientWebSocketResponse:
    arguments = _with_header(options, authorization)
    try:
        # The class is generic in newer versions of aiohttp only.
        return cast("ClientWebSocketResponse", await session.ws_connect(url, **arguments))
    except ValueError as error:
        _reraise(error, url)


def _is_from_origin_of(target: URL, response: ClientResponse | ClientResponseError) -> bool:
    """Tell whether the response is from the origin that got the token, after all redirects."""
    urls = (response.request_info.url, *(hop.url for hop in response.history))
    return all(origin_of(url) == origin_of(target) for url in urls)
