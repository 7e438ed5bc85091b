"""The contenders: small classes that open a session and return the functions that send requests.

This module has aiohttp and aio-alf; `peers` has the others. Nothing here measures.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol
from unittest import mock

from aiohttp import (
    BaseConnector,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    TCPConnector,
)

from aioalf import Client, OAuth2Middleware, TokenManager
from tools.benchmarks.canned import ACCESS_TOKEN
from tools.benchmarks.memory_transport import MemoryConnector

HEADERS: Final = {"headers": {"Authorization": f"Bearer {ACCESS_TOKEN}"}}
_NOTHING: Final[Mapping[str, object]] = {}

Repeat = Callable[[int], Awaitable[None]]
"""Does one thing the given number of times."""


@dataclass(frozen=True)
class Place:
    """URLs of the servers, and whether requests go through memory or sockets."""

    api: str
    token_endpoint: str
    in_memory: bool = False
    secret: str = "secret"

    def connector(self, *, force_close: bool = False) -> BaseConnector:
        """Return a new aiohttp connector."""
        kind = MemoryConnector if self.in_memory else TCPConnector
        if force_close:
            return kind(force_close=True)
        # Idle connections are never closed: in memory this saves nothing.
        return MemoryConnector(keepalive_timeout=3600) if self.in_memory else TCPConnector()

    def for_all_sessions(self) -> AbstractAsyncContextManager[None]:
        """Make sessions that create their own connector use `connector()`."""
        return _connectors(self)


@asynccontextmanager
async def _connectors(place: Place) -> AsyncIterator[None]:
    def connector(*, force_close: bool = False, **_: object) -> BaseConnector:
        return place.connector(force_close=force_close)

    with (
        mock.patch("aiohttp.client.TCPConnector", connector),
        mock.patch("aioalf._auth_server.session.AbortingConnector", connector),
    ):
        yield


IN_MEMORY: Final = Place(
    "https://api.example.com/things", "https://api.example.com/token", in_memory=True
)


@dataclass(frozen=True)
class Sender:
    """Functions that send: repeatedly with ``await get(…)`` or ``async with get(…)``, or once.

    ``once`` returns the status. ``token`` only gets the token, if the contender can do that.
    """

    awaited: Repeat
    entered: Repeat
    once: Callable[[], Awaitable[int]]
    token: Callable[[], Awaitable[object]] | None = None


class Contender(Protocol):
    """One way to send authorized requests."""

    name: str
    baseline: str
    """The contender to compare with: the HTTP library alone."""
    expires_early: int
    """Seconds before its expiry in which the contender uses no token (not configurable)."""

    def open(self, place: Place) -> AbstractAsyncContextManager[Sender]:
        """Open a session without a token; yield the functions that send."""
        ...


class _Exchange(Awaitable[ClientResponse], Protocol):
    """The return value of ``get(…)``: awaitable, and an async context manager."""

    def __aenter__(self) -> Awaitable[ClientResponse]: ...
    def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> Awaitable[bool | None]: ...


def sender(
    get: Callable[..., _Exchange],
    url: str,
    token: Callable[[], Awaitable[object]] | None = None,
    options: Mapping[str, object] = _NOTHING,
) -> Sender:
    """Make a `Sender` from `get`, so that all contenders use the same loops."""

    async def awaited(times: int) -> None:
        for _ in range(times):
            response = await get(url, **options)
            await response.read()

    async def entered(times: int) -> None:
        for _ in range(times):
            async with get(url, **options) as response:
                await response.read()

    async def once() -> int:
        response = await get(url, **options)
        await response.read()
        return response.status

    return Sender(awaited, entered, once, token)


class Bare:
    """aiohttp with the Authorization header set by hand: the baseline."""

    name: str = "aiohttp"
    baseline: str = "aiohttp"
    expires_early: int = 0

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
        async with ClientSession(connector=place.connector()) as session:
            yield sender(session.get, place.api, options=HEADERS)


async def _pass_on(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    return await handler(request)


class NoOpMiddleware(Bare):
    """aiohttp with the header set by hand, and a middleware that does nothing."""

    name = "no-op middleware"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
        async with ClientSession(connector=place.connector(), middlewares=[_pass_on]) as session:
            yield sender(session.get, place.api, options=HEADERS)


class Middleware(Bare):
    """`OAuth2Middleware` on a session."""

    name = "OAuth2Middleware"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
        manager = TokenManager(place.token_endpoint, "client-id", place.secret)
        middleware = OAuth2Middleware(manager)
        async with ClientSession(connector=place.connector(), middlewares=[middleware]) as session:
            yield sender(session.get, place.api, manager.get_token)
        await manager.close()


class OwnSession(Bare):
    """`Client` with its own session."""

    name = "Client"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
        async with Client("client-id", place.secret, place.token_endpoint) as client:
            yield sender(client.get, place.api)


class GivenSession(Bare):
    """`Client` with the session of the caller."""

    name = "Client, session="

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
        async with (
            ClientSession(connector=place.connector()) as session,
            Client("client-id", place.secret, place.token_endpoint, session=session) as client,
        ):
            yield sender(client.get, place.api)


OURS: Final[tuple[Contender, ...]] = (
    Bare(),
    NoOpMiddleware(),
    Middleware(),
    OwnSession(),
    GivenSession(),
)
