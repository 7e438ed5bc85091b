"""`Client`: an aiohttp session whose requests are authorized.

A facade: it puts the token on a call and gives back what came. It knows nothing of getting tokens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from aiohttp import ClientResponseError, ClientSession, ClientTimeout, FormData
from aiohttp.helpers import sentinel
from multidict import CIMultiDict
from yarl import URL

from aioalf.bearer import UNAUTHORIZED, Bearer, InsecureOrigins, is_renewable
from aioalf.buffered import twin
from aioalf.call import CALL, Call, Pending, RenewalMiddleware
from aioalf.errors import TokenError, TokenHTTPError
from aioalf.httpclient import HTTPRequest
from aioalf.manager import TokenManager
from aioalf.origins import origin_of, read_origins
from aioalf.urls import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable
    from types import TracebackType
    from typing import Self, Unpack

    from aiohttp import ClientResponse, ClientWebSocketResponse
    from aiohttp.client import (
        _RequestOptions,  # pyright: ignore[reportPrivateUsage] - they have no public name
        _WSConnectOptions,  # pyright: ignore[reportPrivateUsage]
    )
    from aiohttp.typedefs import LooseHeaders, StrOrURL

    from aioalf.bearer import TokenProvider
    from aioalf.client_auth import ClientAuth
    from aioalf.grants import Grant
    from aioalf.renewal import Renewal
    from aioalf.retry import Retry

__all__ = ("Client", "TokenError", "TokenHTTPError", "TokenManager")

logger = logging.getLogger(__name__)

_REPEATABLE = (type(None), str, bytes, bytearray, memoryview, Mapping, list, tuple, FormData)


class Client:
    """Sends requests as an aiohttp session does, each with a valid bearer token.

    ``client_id``, ``client_secret`` and ``token_endpoint`` say where tokens come from;
    ``http_options`` are keywords of aiohttp's ``request`` for the token request; ``scope`` is a
    string or a collection of strings. ``session`` is used for the requests and left open by
    `close`, else one is made on first use. ``origins`` are the only ones that requests may go to.
    ``require_https`` refuses plain http to other machines, else that is warned of once per origin.
    ``raise_token_errors`` raises TokenHTTPError where the token endpoint's error response would be
    returned. `TokenManager` tells of ``client_auth``, ``grant``, ``default_lifetime`` and
    ``allow_narrower_scope``.

    An Authorization field of the caller's is replaced. After a 401 that a new token may help, the
    token is renewed and the request repeated once; where its body cannot be sent again, the 401 is
    returned. When the token endpoint answers with an error, that response is returned and the
    request is not sent.

    No event loop is needed to make one. ``token_manager_class`` makes the manager: any class that
    takes the first five keywords and has ``get_token()`` and ``reset_token()``.
    """

    token_manager_class: ClassVar[Callable[..., TokenProvider]] = TokenManager

    def __init__(
        self,
        client_id: str | None = None,
        client_secret: str | None = None,
        token_endpoint: str | URL | None = None,
        http_options: Mapping[str, object] | None = None,
        scope: str | Collection[str] | None = None,
        *,
        session: ClientSession | None = None,
        origins: Iterable[str | URL] | None = None,
        require_https: bool = False,
        raise_token_errors: bool = False,
        client_auth: ClientAuth | None = None,
        grant: Grant | None = None,
        default_lifetime: float | None = None,
        allow_narrower_scope: bool = False,
        renewal: Renewal | None = None,
        retry: Retry | None = None,
    ) -> None:
        # A manager class written for 0.4.0 knows the first five keywords only.
        new = {
            "client_auth": client_auth,
            "grant": grant,
            "default_lifetime": default_lifetime,
            "allow_narrower_scope": allow_narrower_scope or None,
            "renewal": renewal,
            "retry": retry,
        }
        self._token_manager = self.token_manager_class(
            token_endpoint=token_endpoint,
            client_id=client_id,
            client_secret=client_secret,
            http_options={} if http_options is None else http_options,
            scope=scope,
            **{name: value for name, value in new.items() if value is not None},
        )
        self._bearer = Bearer(self._token_manager)
        self._middleware = RenewalMiddleware(self._bearer)
        self._origins = None if origins is None else read_origins(origins)
        self._insecure = InsecureOrigins(refuse=require_https)
        self._raise_token_errors = raise_token_errors
        self._given = session
        if session is not None:
            self._bearer.use_network_of(session)
        self._own: ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    # Requests

    def request(
        self,
        method: str | HTTPRequest,
        url: StrOrURL | None = None,
        **options: Unpack[_RequestOptions],
    ) -> Pending[ClientResponse]:
        """Send a request: a method and a URL, or an `HTTPRequest`.

        The options are those of aiohttp's ``request``. Await it, or enter it with ``async with``.
        Raises what aiohttp raises, and TokenError when no token can be had and the token endpoint
        gave no response to return.
        """
        if isinstance(method, HTTPRequest):
            return self.fetch(method, **options)
        if url is None:
            raise TypeError(
                "request() needs a method and a URL, or an HTTPRequest; fetch() takes a URL alone"
            )
        return Pending(self._send(method, url, dict(options)))

    def fetch(
        self, request: StrOrURL | HTTPRequest, **options: Unpack[_RequestOptions]
    ) -> Pending[ClientResponse]:
        """Send an `HTTPRequest`, or GET a URL; options go on top of the request's own."""
        if isinstance(request, HTTPRequest):
            return Pending(self._send(request.method, request.url, {**request.options, **options}))
        method = str(options.pop("method", "GET"))  # type: ignore[typeddict-item]
        return Pending(self._send(method, request, dict(options)))

    def get(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a GET request."""
        return Pending(self._send("GET", url, dict(options)))

    def options(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send an OPTIONS request."""
        return Pending(self._send("OPTIONS", url, dict(options)))

    def head(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a HEAD request; without ``allow_redirects=True`` no redirect is followed."""
        return Pending(self._send("HEAD", url, {"allow_redirects": False, **options}))

    def post(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a POST request."""
        return Pending(self._send("POST", url, dict(options)))

    def put(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a PUT request."""
        return Pending(self._send("PUT", url, dict(options)))

    def patch(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a PATCH request."""
        return Pending(self._send("PATCH", url, dict(options)))

    def delete(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a DELETE request."""
        return Pending(self._send("DELETE", url, dict(options)))

    def ws_connect(
        self, url: StrOrURL, **options: Unpack[_WSConnectOptions]
    ) -> Pending[ClientWebSocketResponse]:
        """Open a websocket; options are those of aiohttp's ``ws_connect``.

        Raises what aiohttp raises, and TokenError when no token can be had.
        """
        return Pending(self._connect(url, dict(options)))

    # Life

    @property
    def closed(self) -> bool:
        """Whether `close` was called; entering the client again opens it again."""
        return self._closed

    async def close(self) -> None:
        """End token requests that are under way, and close the session, unless it was given."""
        self._closed = True
        own, self._own = self._own, None
        try:
            await self._bearer.close()
        finally:
            if own is not None:
                await own.close()

    async def __aenter__(self) -> Self:
        self._closed = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __enter__(self) -> NoReturn:
        raise TypeError("Use async with instead.")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Python looks for it before it calls ``__enter__``."""

    # The path of a request

    async def _send(self, method: str, url: StrOrURL, options: dict[str, Any]) -> ClientResponse:
        session = self._session()
        target = self._target(session, url)
        if options.get("auth") is not None:
            raise _two_authorizations()
        try:
            authorization = self._bearer.ready()
            if authorization is not None:
                return await self._authorized(session, method, target, options, authorization)
            async with asyncio.timeout(self._total_timeout(options)):
                authorization = await self._bearer.authorization()
                return await self._authorized(session, method, target, options, authorization)
        except TokenHTTPError as error:
            return await self._answer_of_token_endpoint(error, session, options)

    async def _authorized(
        self,
        session: ClientSession,
        method: str,
        url: StrOrURL,
        options: dict[str, Any],
        authorization: str,
    ) -> ClientResponse:
        call = Call(authorization)
        arguments = self._arguments(session, options, authorization)
        token = CALL.set(call)
        try:
            response = await session.request(method, url, **arguments)
        except ClientResponseError as error:
            if call.seen or not self._may_repeat(error, options, authorization):
                raise
        else:
            if call.seen or not self._may_repeat(response, options, authorization):
                return response
            response.release()
        finally:
            CALL.reset(token)
        # The session's _request was replaced, middlewares and all, as mocks and recorders do.
        arguments = self._arguments(session, options, await self._bearer.renewed(authorization))
        response = await session.request(method, url, **arguments)
        if response.status != UNAUTHORIZED:
            self._bearer.accept()
        return response

    def _may_repeat(
        self,
        answer: ClientResponse | ClientResponseError,
        options: dict[str, Any],
        authorization: str,
    ) -> bool:
        return _is_repeatable(answer, options) and self._bearer.may_renew(authorization)

    async def _connect(self, url: StrOrURL, options: dict[str, Any]) -> ClientWebSocketResponse:
        session = self._session()
        target = self._target(session, url)
        if options.get("auth") is not None:
            raise _two_authorizations()
        async with asyncio.timeout(self._total_timeout({})):
            authorization = self._bearer.ready() or await self._bearer.authorization()
            call = Call(authorization)
            token = CALL.set(call)
            try:
                return await _open_websocket(session, target, options, authorization)
            except ClientResponseError as error:
                if call.seen or not self._may_repeat(error, {}, authorization):
                    raise
            finally:
                CALL.reset(token)
            # A session that was given does not have the middleware, and ws_connect takes none.
            authorization = await self._bearer.renewed(authorization)
            websocket = await _open_websocket(session, target, options, authorization)
            self._bearer.accept()
            return websocket

    def _arguments(
        self, session: ClientSession, options: dict[str, Any], authorization: str
    ) -> dict[str, Any]:
        arguments = _with_field(options, authorization)
        outer = options.get("middlewares")
        if session is self._given or outer is not None:
            # Those of a call replace those of the session, which have no public name.
            inherited = getattr(session, "_middlewares", ()) if outer is None else outer
            arguments["middlewares"] = (*inherited, self._middleware)
        return arguments

    def _session(self) -> ClientSession:
        if self._closed:
            raise RuntimeError("Session is closed")
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        if self._own is None or self._loop is not loop:
            self._own = self._open(loop)
        return self._own

    def _total_timeout(self, options: dict[str, Any]) -> float | None:
        # aiohttp's total runs from when it is called, after the wait for a token. The default of
        # an own session is no wish of the caller's, and a person who signs in may need longer.
        timeout = options.get("timeout", sentinel)
        if timeout is sentinel:
            timeout = None if self._given is None else self._given.timeout
        total: float | None = timeout.total if isinstance(timeout, ClientTimeout) else timeout
        return total or None  # to aiohttp, 0 is no limit

    def _open(self, loop: asyncio.AbstractEventLoop) -> ClientSession:
        if self._own is not None:
            if self._loop is not None and self._loop.is_running():
                raise RuntimeError(
                    "a Client is used from two event loops at once: make one for each"
                )
            self._own.detach()  # its loop is gone, and its connections with it
        session = ClientSession(middlewares=(self._middleware,))
        self._loop = loop
        self._bearer.use_network_of(session)
        return session

    def _target(self, session: ClientSession, url: StrOrURL) -> StrOrURL:
        """Return the URL, checked: it must be one that a token may go to."""
        try:
            target = URL(url)
        except (TypeError, ValueError):
            return url  # aiohttp says what is wrong with it
        absolute = target if target.absolute else _joined(session, target)
        if self._origins is not None and origin_of(absolute) not in self._origins:
            raise TokenError(
                f"{shown(absolute)} is of another origin than the client's origins: it is not sent"
            )
        if absolute.scheme in {"http", "ws"}:
            self._insecure.check(absolute)
        return target

    async def _answer_of_token_endpoint(
        self, error: TokenHTTPError, session: ClientSession, options: dict[str, Any]
    ) -> ClientResponse:
        status = error.response_status or 0
        if self._raise_token_errors or error.response is None or status < 400:
            raise error
        logger.warning("%s; its response is returned, the request was not sent", error)
        response = twin(error.response)
        check: Callable[[ClientResponse], Awaitable[None]] | bool | None
        check = options.get("raise_for_status")
        if check is None:
            check = session.raise_for_status
        if check is True:
            response.raise_for_status()
        elif check:
            await check(response)
        return response


def _with_field(options: dict[str, Any], authorization: str) -> dict[str, Any]:
    """Return the options with the Authorization field, the caller's headers as they were."""
    given: LooseHeaders | None = options.get("headers")
    if not given:
        return {**options, "headers": {"Authorization": authorization}}
    headers = CIMultiDict(given)
    headers["Authorization"] = authorization
    return {**options, "headers": headers}


def _two_authorizations() -> ValueError:
    return ValueError("auth= cannot go with a Client: its requests carry a bearer token")


async def _open_websocket(
    session: ClientSession, url: StrOrURL, options: dict[str, Any], authorization: str
) -> ClientWebSocketResponse:
    arguments = _with_field(options, authorization)
    # What it is generic in depends on an option that aiohttp 3.12 does not have.
    return cast("ClientWebSocketResponse", await session.ws_connect(url, **arguments))


def _joined(session: ClientSession, url: URL) -> URL:
    base: URL | None = getattr(session, "_base_url", None)  # it has no public name
    return url if base is None else base.join(url)


def _is_repeatable(answer: ClientResponse | ClientResponseError, options: dict[str, Any]) -> bool:
    if answer.status != UNAUTHORIZED or not isinstance(options.get("data"), _REPEATABLE):
        return False
    origin = origin_of(answer.request_info.url)
    if any(origin_of(hop.url) != origin for hop in answer.history):
        return False  # where it led to, the token was not shown
    return is_renewable(CIMultiDict(answer.headers or ()))
