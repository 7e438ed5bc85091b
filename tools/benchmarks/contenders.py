"""Who is compared: each a small class that opens a session and says how it sends.

Here are aiohttp and this project; `peers` has the others. Nothing here measures.
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
from canned import ACCESS_TOKEN
from memory_transport import MemoryConnector

from aioalf import Client, OAuth2Middleware, TokenManager

FIELD: Final = {"headers": {"Authorization": f"Bearer {ACCESS_TOKEN}"}}
_NOTHING: Final[Mapping[str, object]] = {}

Repeat = Callable[[int], Awaitable[None]]
"""Does one thing so many times."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where requests go, and whether through memory or sockets."""

    api: str
    token_endpoint: str
    in_memory: bool = False
    secret: str = "secret"

    def connector(self) -> BaseConnector:
        """Return a connector of aiohttp's, each time a new one."""
        # In memory nothing is gained by closing what was idle for a while, as is done by default.
        return MemoryConnector(keepalive_timeout=3600) if self.in_memory else TCPConnector()

    def for_all_sessions(self) -> AbstractAsyncContextManager[None]:
        """Let sessions that are given no connector have one of these as well."""
        return _connectors(self)


@asynccontextmanager
async def _connectors(place: Place) -> AsyncIterator[None]:
    def connector(**_: object) -> BaseConnector:
        return place.connector()

    with mock.patch("aiohttp.client.TCPConnector", connector):
        yield


IN_MEMORY: Final = Place(
    "https://api.example.com/things", "https://api.example.com/token", in_memory=True
)


@dataclass(frozen=True, slots=True)
class Sender:
    """How one sends: ``await get(…)`` and ``async with get(…)``, many times, and once.

    ``once`` returns the status; ``token`` gets the token alone, where there is a way to.
    """

    awaited: Repeat
    entered: Repeat
    once: Callable[[], Awaitable[int]]
    token: Callable[[], Awaitable[object]] | None = None


class Contender(Protocol):
    """One way to send authorized requests."""

    name: str
    baseline: str
    """The name of the one it is compared with: its HTTP library alone."""
    expires_early: int
    """How many seconds before its time a token is not used any more, whatever one says."""

    def open(self, place: Place) -> AbstractAsyncContextManager[Sender]:
        """Yield how it sends, for as long as it is open; it has no token yet."""
        ...


class _Exchange(Awaitable[ClientResponse], Protocol):
    """What ``get(…)`` returns: to be awaited, or entered."""

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
    """Write the loops once, so that contenders differ in nothing but `get`."""

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
    """aiohttp alone, which is given the field with each call: what all are compared with."""

    name: str = "aiohttp"
    baseline: str = "aiohttp"
    expires_early: int = 0

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        async with ClientSession(connector=place.connector()) as session:
            yield sender(session.get, place.api, options=FIELD)


async def _pass_on(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    return await handler(request)


class NoOpMiddleware(Bare):
    """A middleware that does nothing, and the field with each call."""

    name = "no-op middleware"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        async with ClientSession(connector=place.connector(), middlewares=[_pass_on]) as session:
            yield sender(session.get, place.api, options=FIELD)


class Middleware(Bare):
    """`OAuth2Middleware` on a session."""

    name = "OAuth2Middleware"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        manager = TokenManager(place.token_endpoint, "client-id", place.secret)
        middleware = OAuth2Middleware(manager)
        async with ClientSession(connector=place.connector(), middlewares=[middleware]) as session:
            yield sender(session.get, place.api, manager.get_token)
        await manager.close()


class OwnSession(Bare):
    """`Client` with the session that it makes."""

    name = "Client"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        async with Client("client-id", place.secret, place.token_endpoint) as client:
            yield sender(client.get, place.api)


class GivenSession(Bare):
    """`Client` with a session of the caller's."""

    name = "Client, session="

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
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
