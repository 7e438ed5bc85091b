"""The path of a request, from a call to its answer.

It puts the token on a call, has it renewed where no middleware can, and gives back what came. It
knows nothing of getting tokens, and of sessions only that there is one to send with.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import copy
from typing import Any, cast

from aiohttp import (
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    FormData,
)
from aiohttp.hdrs import AUTHORIZATION
from aiohttp.helpers import sentinel
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict
from yarl import URL

from aioalf._auth_server.buffered_response import copy_response
from aioalf._requests.authorization_header import (
    UNAUTHORIZED,
    AuthorizationHeader,
    InsecureOrigins,
    is_renewable,
)
from aioalf._requests.origin_policy import origin_of, read_origins
from aioalf._requests.retry_on_401 import AuthorizationValue
from aioalf._requests.session import SessionProvider
from aioalf._urls import redact_url
from aioalf.errors import TokenError, TokenHTTPError

_Request = Callable[..., Awaitable[ClientResponse]]

logger: logging.Logger = logging.getLogger(__name__)

_REQUEST = ClientSession.request
_SWITCHING_PROTOCOLS = 101
_REPEATABLE = (type(None), str, bytes, bytearray, memoryview, Mapping, list, tuple, FormData)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 §9.2.1, of those with a verb here
_SIMPLE = frozenset({"allow_redirects", "headers", "max_redirects", "params", "ssl", "timeout"})
_ANY_HTTPS = ("https://",)
_STARTS_AT_MOST = 8


class RequestDispatcher:
    """Sends calls with the tokens of one manager through one session; `Client` says the rest."""

    def __init__(
        self,
        bearer: AuthorizationHeader,
        sessions: SessionProvider,
        *,
        allowed_origins: Iterable[str | URL] | None,
        require_https: bool,
        raise_token_errors: bool,
    ) -> None:
        self._bearer = bearer
        self._sessions = sessions
        self._origins = None if allowed_origins is None else read_origins(allowed_origins)
        self._insecure = InsecureOrigins(refuse=require_https)
        # A token may go, unread, to any text that begins so and holds no credentials.
        self._known_starts: tuple[str, ...] = _ANY_HTTPS if allowed_origins is None else ()
        self._raise_token_errors = raise_token_errors
        self._told: object = None

    def derive(self, bearer: AuthorizationHeader, sessions: SessionProvider) -> RequestDispatcher:
        """Return one with other tokens, for the same origins."""
        other = copy(self)
        other._bearer, other._sessions = bearer, sessions  # noqa: SLF001 - it is one of these
        return other

    async def send(
        self,
        method: str,
        url: StrOrURL,
        options: Mapping[str, object],
        authorization: str | None = None,
    ) -> ClientResponse:
        """Send a request, and return its answer or that of a token endpoint that failed."""
        # What keeps a call fast: most go to https, or where one went before, with a token at hand
        # and no options. They cost one coroutine, a look for the session and one for the token.
        session = self._sessions.current()
        is_known = (
            type(url) is str
            and url.startswith(self._known_starts)
            and "@" not in url
            and "auth" not in options
        )
        target = url if is_known else self._target(session, url, options)
        authorization = authorization or self._bearer.ready()
        if authorization is None:
            limit = self._total_timeout(options)
            if limit is not None:
                return await self._send_within(limit, session, method, target, options)
            try:
                authorization = await self._bearer.authorization()
            except TokenHTTPError as error:
                return await self._answer_of_token_endpoint(error, session, options)
        if not options and method in _SAFE and not self._sessions.is_given:
            field, ends_at, arguments = authorization, None, None
            headers: Any = {AUTHORIZATION: field}
            is_aiohttps = ClientSession.request is _REQUEST  # as `_request_of` looks, with no call
            request: _Request = session._request if is_aiohttps else session.request  # noqa: SLF001
        else:
            field, ends_at = self._field(method, options, authorization), self._end_of(options)
            session = session if field is authorization else self._sessions.guarded()
            arguments, request = self._arguments(options, field), _request_of(session)
            headers = arguments["headers"]
        try:
            response = await (
                request(method, target, headers=headers)  # less time than with ** takes
                if arguments is None
                else request(method, target, **arguments)
            )
        except TokenHTTPError as error:
            return await self._answer_of_token_endpoint(error, session, options)
        except ClientResponseError as error:
            if not self._may_repeat(error, options, field):
                raise
        else:
            if response.status != UNAUTHORIZED or not self._may_repeat(response, options, field):
                return response
            response.release()
        options = {**options, "headers": headers}  # an iterator has none left
        return await self._send_again(session, method, target, options, authorization, ends_at)

    async def _send_within(
        self,
        limit: float,
        session: ClientSession,
        method: str,
        url: StrOrURL,
        options: Mapping[str, object],
    ) -> ClientResponse:
        # aiohttp's total runs from when it is called: the wait for a token would come on top.
        async with asyncio.timeout(limit):
            try:
                authorization = await self._bearer.authorization()
            except TokenHTTPError as error:
                return await self._answer_of_token_endpoint(error, session, options)
            return await self.send(method, url, options, authorization)

    async def _send_again(
        self,
        session: ClientSession,
        method: str,
        url: StrOrURL,
        options: Mapping[str, object],
        refused: str,
        ends_at: float | None,
    ) -> ClientResponse:
        # Whole: no middleware of ours was asked for, or the session's _request was replaced,
        # middlewares and all, as mocks and recorders do.
        try:
            async with asyncio.timeout(None if ends_at is None else _left(ends_at)):
                authorization = await self._bearer.renewed(refused)
        except TokenHTTPError as error:
            return await self._answer_of_token_endpoint(error, session, options)
        arguments = self._arguments(options, authorization)
        if ends_at is not None:
            given = options.get("timeout", self._sessions.timeout)
            arguments["timeout"] = _shortened(given, _left(ends_at))
        response = await _request_of(session)(method, url, **arguments)
        self._bearer.judge(response.status)
        return response

    def _field(self, method: str, options: Mapping[str, object], authorization: str) -> str:
        """Return the field as it is if the request can be repeated from its start, redirects too.

        Of others the middleware, which takes time, repeats the very hop that was refused.
        """
        may_go_whole = (
            method in _SAFE
            and options.keys() <= _SIMPLE
            and (not self._sessions.is_given or self._sessions.is_plain)
        )
        return authorization if may_go_whole else AuthorizationValue(authorization)

    def _may_repeat(
        self,
        answer: ClientResponse | ClientResponseError,
        options: Mapping[str, object],
        field: str,
    ) -> bool:
        if isinstance(field, AuthorizationValue) and field.was_refused:
            return False
        if not _is_refused_by_the_origin(answer):
            return False
        if not isinstance(options.get("data"), _REPEATABLE):
            self._bearer.mark_rejected(field)
            return False
        return self._bearer.can_renew(field)

    async def connect(
        self, url: StrOrURL, options: Mapping[str, object]
    ) -> ClientWebSocketResponse:
        """Open a websocket."""
        session = self._sessions.current()
        target = self._target(session, url, options)
        options = _readable_twice(options)
        async with asyncio.timeout(self._total_timeout({})):
            authorization = self._bearer.ready() or await self._bearer.authorization()
            try:
                return await _open_websocket(session, target, options, authorization)
            except ClientResponseError as error:  # ws_connect takes no middlewares
                if not self._may_repeat(error, {}, authorization):
                    raise
            authorization = await self._bearer.renewed(authorization)
            websocket = await _open_websocket(session, target, options, authorization)
            self._bearer.judge(_SWITCHING_PROTOCOLS)
            return websocket

    def _arguments(self, options: Mapping[str, object], field: str) -> dict[str, Any]:
        arguments = _with_field(options, field)
        if isinstance(field, AuthorizationValue) and (
            self._sessions.is_given or "middlewares" in options
        ):
            arguments["middlewares"] = self._sessions.middlewares(arguments.get("middlewares"))
        return arguments

    def _total_timeout(self, options: Mapping[str, object]) -> float | None:
        # The default of an own session is no wish of the caller's, and a person may need longer.
        timeout: Any = options.get("timeout", sentinel)
        if timeout is sentinel:
            timeout = self._sessions.timeout
        total: float | None = timeout.total if isinstance(timeout, ClientTimeout) else timeout
        return total or None  # to aiohttp, 0 is no limit

    def _end_of(self, options: Mapping[str, object]) -> float | None:
        limit = self._total_timeout(options)
        return None if limit is None else time.monotonic() + limit

    def _target(
        self, session: ClientSession, url: StrOrURL, options: Mapping[str, object]
    ) -> StrOrURL:
        """Return the URL as it is: a token may go there, and nothing else authorizes the call."""
        if options.get("auth") is not None:
            raise _two_authorizations()
        try:
            target = URL(url)
        except (TypeError, ValueError):
            return url  # aiohttp says what is wrong with it
        if "@" in target.raw_authority:
            raise _two_authorizations()
        absolute = target if target.absolute else _joined(session, target)
        if self._origins is not None and origin_of(absolute) not in self._origins:
            raise TokenError(
                f"{redact_url(absolute)} is of another origin than the client's origins: it is not sent"
            )
        if absolute.absolute:
            self._insecure.check(absolute)
        if type(url) is str:
            self._note_start(url, target)
        return url

    def _note_start(self, url: str, target: URL) -> None:
        # That the text begins with what yarl made of it says that it is in yarl's own form up to
        # the "/", which ends the authority: all that begin so are of the same origin.
        start = f"{target.scheme}://{target.raw_authority}/"
        known = self._known_starts
        if target.absolute and url.startswith(start) and not url.startswith(known):
            kept = len(_ANY_HTTPS) if self._origins is None else 0
            self._known_starts = (*known[:kept], start, *known[kept:])[:_STARTS_AT_MOST]

    async def _answer_of_token_endpoint(
        self, error: TokenHTTPError, session: ClientSession, options: Mapping[str, object]
    ) -> ClientResponse:
        status = error.response_status or 0
        if self._raise_token_errors or error.response is None or status < 400:
            raise error
        # Once for a failure, however many share it: their copies of its response share its headers.
        if error.response.headers is not self._told:
            self._told = error.response.headers
            logger.warning("%s; its response is returned, the request was not sent", error)

        response = copy_response(error.response)
        check: Any = options.get("raise_for_status")
        if check is None:
            check = session.raise_for_status
        if check is True:
            response.raise_for_status()
        elif check:
            await check(response)
        return response


def _request_of(session: ClientSession) -> _Request:
    """Return the session's request(), unwrapped where it is aiohttp's own.

    Its wrapper is an alias of typing to call, which takes longer than all that is done here; what
    it wraps has no public name, but is what mocks and recorders replace.
    """
    if getattr(session.request, "__func__", None) is _REQUEST:
        return session._request  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    return session.request


def _left(ends_at: float) -> float:
    return max(ends_at - time.monotonic(), 0.001)  # to aiohttp, 0 is no limit


def _shortened(timeout: object, total: float) -> ClientTimeout:
    if not isinstance(timeout, ClientTimeout):
        return ClientTimeout(total=total)
    return ClientTimeout(
        total=total,
        connect=timeout.connect,
        sock_connect=timeout.sock_connect,
        sock_read=timeout.sock_read,
        ceil_threshold=timeout.ceil_threshold,
    )


def _with_field(options: Mapping[str, object], authorization: str) -> dict[str, Any]:
    """Return the options with the Authorization field, the caller's headers as they were."""
    given: Any = options.get("headers")
    if not given:
        return {**options, "headers": {AUTHORIZATION: authorization}}
    headers = CIMultiDict(given)
    headers[AUTHORIZATION] = authorization
    return {**options, "headers": headers}


def _readable_twice(options: Mapping[str, object]) -> Mapping[str, object]:
    kinds: dict[str, Callable[[Any], object]] = {"headers": CIMultiDict, "protocols": tuple}
    return {**options, **{name: kinds[name](options[name]) for name in kinds if options.get(name)}}


def _two_authorizations() -> ValueError:
    return ValueError(
        "auth= or credentials in a URL cannot go with a Client: its requests carry a bearer token"
    )


async def _open_websocket(
    session: ClientSession, url: StrOrURL, options: Mapping[str, object], authorization: str
) -> ClientWebSocketResponse:
    arguments = _with_field(options, authorization)
    # What it is generic in depends on an option that aiohttp 3.12 does not have.
    return cast("ClientWebSocketResponse", await session.ws_connect(url, **arguments))


def _joined(session: ClientSession, url: URL) -> URL:
    base: URL | None = getattr(session, "_base_url", None)  # it has no public name
    return url if base is None else base.join(url)


def _is_refused_by_the_origin(answer: ClientResponse | ClientResponseError) -> bool:
    """Tell whether a new token may help, and the old one was shown where the 401 comes from."""
    if answer.status != UNAUTHORIZED:
        return False
    origin = origin_of(answer.request_info.url)
    if any(origin_of(hop.url) != origin for hop in answer.history):
        return False
    return is_renewable(CIMultiDict(answer.headers or ()))
