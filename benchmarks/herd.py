"""How many token requests a thousand requests at once make: cold, and after a revocation.

A count, over real sockets, from `aioalf.testing`'s server.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus

from aiohttp import ClientResponse, ClientSession
from figures import Figure, Spread

from aioalf import Client, OAuth2Middleware, TokenManager
from aioalf.testing import OAuthServer

_REQUESTS = 1000

Get = Callable[[str], Awaitable[ClientResponse]]


@asynccontextmanager
async def _client(server: OAuthServer) -> AsyncIterator[Get]:
    async with Client(server.client_id, server.client_secret, server.token_endpoint) as client:
        yield client.get


@asynccontextmanager
async def _middleware(server: OAuthServer) -> AsyncIterator[Get]:
    manager = TokenManager(server.token_endpoint, server.client_id, server.client_secret)
    async with ClientSession(middlewares=[OAuth2Middleware(manager)]) as session:
        yield session.get
    await manager.close()


_HERDS: dict[str, Callable[[OAuthServer], AbstractAsyncContextManager[Get]]] = {
    "OAuth2Middleware": _middleware,
    "Client": _client,
}


async def token_requests(rounds: int) -> list[Figure]:  # noqa: ARG001 - a count needs no rounds
    """Count the token requests; every answer must be 200."""
    figures: list[Figure] = []
    for name, opened in _HERDS.items():
        async with OAuthServer() as server, opened(server) as get:
            figures.append(await _count(name, "1000 cold requests", server, get))
            server.revoke_all()
            figures.append(await _count(name, "1000 requests after a revocation", server, get))
    return figures


async def _count(name: str, measure: str, server: OAuthServer, get: Get) -> Figure:
    server.reset_counters()
    statuses = await asyncio.gather(
        *(_status(get, server.url("/things")) for _ in range(_REQUESTS))
    )
    return Figure(
        measure,
        name,
        Spread.of([float(server.token_requests)]),
        unit="token requests",
        absolute=f"{_ok(statuses)} of {_REQUESTS} answered 200",
    )


async def _status(get: Get, url: str) -> int:
    response = await get(url)
    await response.read()
    return response.status


def _ok(statuses: Sequence[int]) -> int:
    return sum(status == HTTPStatus.OK for status in statuses)
