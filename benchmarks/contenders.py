"""Who is compared: each a small class that opens a session and says how it sends.

A peer is one more class here, and one line in `CONTENDERS`. Nothing here measures.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from unittest import mock

from aiohttp import BaseConnector, ClientHandlerType, ClientRequest, ClientResponse, ClientSession
from canned import ACCESS_TOKEN

from aioalf import Client, OAuth2Middleware, TokenManager

HEADERS: Final = {"Authorization": f"Bearer {ACCESS_TOKEN}"}

Repeat = Callable[[int], Awaitable[None]]
"""Does one thing so many times."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where requests go, and through what; each session gets a connector of its own."""

    api: str
    token_endpoint: str
    connector: Callable[[], BaseConnector]


@dataclass(frozen=True, slots=True)
class Sends:
    """The two ways to write a request: ``await get(…)``, and ``async with get(…)``."""

    awaited: Repeat
    entered: Repeat


class Contender(Protocol):
    """One way to send authorized requests."""

    name: str

    def open(self, place: Place) -> AbstractAsyncContextManager[Sends]:
        """Yield how it sends, for as long as it is open."""
        ...


class _Exchange(Awaitable[ClientResponse], AbstractAsyncContextManager[ClientResponse], Protocol):
    """What ``get(…)`` returns."""


def sends(get: Callable[..., _Exchange], url: str, **options: object) -> Sends:
    """Write both loops once, so that contenders differ in nothing but `get`."""

    async def awaited(times: int) -> None:
        for _ in range(times):
            response = await get(url, **options)
            await response.read()

    async def entered(times: int) -> None:
        for _ in range(times):
            async with get(url, **options) as response:
                await response.read()

    return Sends(awaited, entered)


class Bare:
    """aiohttp alone, which is given the field with each call: what all are compared with."""

    name = "aiohttp, headers="

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sends]:
        """Yield how it sends."""
        async with ClientSession(connector=place.connector()) as session:
            yield sends(session.get, place.api, headers=HEADERS)


class SessionHeader:
    """aiohttp alone, which has the field as a default of its session: the least that there is."""

    name = "aiohttp, session header"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sends]:
        """Yield how it sends."""
        async with ClientSession(connector=place.connector(), headers=HEADERS) as session:
            yield sends(session.get, place.api)


async def _pass_on(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    return await handler(request)


class NoOpMiddleware:
    """A middleware that does nothing, and the field with each call."""

    name = "no-op middleware, headers="

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sends]:
        """Yield how it sends."""
        async with ClientSession(connector=place.connector(), middlewares=[_pass_on]) as session:
            yield sends(session.get, place.api, headers=HEADERS)


class Middleware:
    """`OAuth2Middleware` on a session."""

    name = "OAuth2Middleware"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sends]:
        """Yield how it sends."""
        manager = TokenManager(place.token_endpoint, "client-id", "secret")
        middleware = OAuth2Middleware(manager)
        async with ClientSession(connector=place.connector(), middlewares=[middleware]) as session:
            yield sends(session.get, place.api)
        await manager.close()


class OwnSession:
    """`Client` with the session that it makes."""

    name = "Client"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sends]:
        """Yield how it sends."""
        client = Client("client-id", "secret", place.token_endpoint)
        async with client:
            send = sends(client.get, place.api)
            # It takes no connector: the one that it makes on first use is put in its place.
            with mock.patch("aiohttp.client.TCPConnector", return_value=place.connector()):
                await send.awaited(1)
            yield send


class GivenSession:
    """`Client` with a session of the caller's."""

    name = "Client, session="

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sends]:
        """Yield how it sends."""
        async with (
            ClientSession(connector=place.connector()) as session,
            Client("client-id", "secret", place.token_endpoint, session=session) as client,
        ):
            yield sends(client.get, place.api)


CONTENDERS: Final[tuple[Contender, ...]] = (
    Bare(),
    SessionHeader(),
    NoOpMiddleware(),
    Middleware(),
    OwnSession(),
    GivenSession(),
)
