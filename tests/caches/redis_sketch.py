"""The RedisCache of docs/howto/redis.rst, on a Redis server that fakeredis emulates."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from fakeredis import FakeAsyncRedis, FakeServer
from fakeredis.aioredis import FakeAsyncRedisConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from aioalf.caches import TokenCache
from tests.project.docs.blocks import blocks_in

LEASE: Final = 0.6


class LossyConnection(FakeAsyncRedisConnection):
    """A connection that breaks after the server has executed a script, once."""

    has_broken = False

    async def send_command(self, *args: Any, **options: Any) -> None:
        """Send a command, and break if it is the first script."""
        await super().send_command(*args, **options)
        if args[0] == "EVAL" and not LossyConnection.has_broken:
            LossyConnection.has_broken = True
            await self.disconnect()
            raise RedisConnectionError("Connection reset by peer")


class SlowConnection(FakeAsyncRedisConnection):
    """A connection on which a command with the value ``slow`` takes some time."""

    async def send_command(self, *args: Any, **options: Any) -> None:
        """Send a command, after a pause if it has the value."""
        await asyncio.sleep(0.05 if "slow" in args else 0)
        await super().send_command(*args, **options)


class OneLoopRedis(FakeAsyncRedis):
    """A client that works only in the event loop that has made it, as a real one does."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._loop = asyncio.get_running_loop()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute a command."""
        assert asyncio.get_running_loop() is self._loop
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


def sketched_cache(
    server: FakeServer, connection_class: type[Any] = FakeAsyncRedisConnection
) -> TokenCache:
    """Return a RedisCache, the class in the document. A failed request is sent once more."""
    (block,) = (block for block in blocks_in("python") if "class RedisCache" in block.text)
    names: dict[str, object] = {}
    exec(block.text, names)  # noqa: S102 - the project's own document
    make = cast("Callable[[Callable[[], FakeAsyncRedis], float], TokenCache]", names["RedisCache"])

    def connect() -> FakeAsyncRedis:
        client = OneLoopRedis(server=server, connection_class=connection_class)
        client.set_retry(Retry(NoBackoff(), 1))
        return client

    return make(connect, LEASE)


async def lose_claim(server: FakeServer, key: str) -> None:
    """Delete the claim to a key on the server."""
    await FakeAsyncRedis(server=server).delete(f"{{{key}}}:claim")
