"""How much memory a `Client` takes beyond its session, when both have sent a request."""

import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from aiohttp import BaseConnector, ClientSession
from figures import Figure, Spread
from memory_transport import MemoryConnector

from aioalf import Client

_CLIENTS = 200
_API = "https://api.example.com/things"
_TOKEN_ENDPOINT = "https://api.example.com/token"

Open = Callable[[AsyncExitStack, BaseConnector], Awaitable[None]]


async def _session(stack: AsyncExitStack, connector: BaseConnector) -> None:
    session = await stack.enter_async_context(_new_session(connector))
    await (await session.get(_API)).read()


async def _client(stack: AsyncExitStack, connector: BaseConnector) -> None:
    session = await stack.enter_async_context(_new_session(connector))
    client = Client("client-id", "secret", _TOKEN_ENDPOINT, session=session)
    await stack.enter_async_context(client)
    await (await client.get(_API)).read()


async def _made_client(stack: AsyncExitStack, connector: BaseConnector) -> None:
    await _session(stack, connector)
    client = Client("client-id", "secret", _TOKEN_ENDPOINT)
    await stack.enter_async_context(client)


def _new_session(connector: BaseConnector) -> ClientSession:
    return ClientSession(connector=connector, connector_owner=False)


async def beside_a_session(rounds: int) -> list[Figure]:  # noqa: ARG001 - bytes need no rounds
    """Measure with tracemalloc: many of each, the session's own part taken off."""
    alone = await _kib_each(_session)
    return [
        Figure(
            "memory beside a session",
            name,
            Spread.of([await _kib_each(opened) - alone]),
            unit="KiB",
            absolute=f"the session alone: {alone:.2f} KiB",
        )
        for name, opened in (("Client, not used yet", _made_client), ("Client", _client))
    ]


async def _kib_each(opened: Open) -> float:
    async with MemoryConnector() as connector, AsyncExitStack() as stack:
        # What the first one fills for all, such as caches and the pool, is not an object's own.
        await opened(stack, connector)
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(_CLIENTS):
                await opened(stack, connector)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return (after - before) / _CLIENTS / 1024
