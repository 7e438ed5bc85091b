"""What `get_token()` costs when a valid token is there, beside a coroutine that does nothing."""

import time
from collections.abc import Awaitable, Callable

from contenders import Repeat
from figures import Figure, ratios
from rounds import take_turns

from aioalf import TokenManager
from aioalf.testing import OAuthServer

_TIMES = 2_000


async def _nothing() -> None:
    pass


def _each_awaited(call: Callable[[], Awaitable[object]]) -> Repeat:
    async def repeat(times: int) -> None:
        for _ in range(times):
            await call()

    return repeat


async def get_token(rounds: int) -> list[Figure]:
    """Measure CPU time a call."""
    async with OAuthServer() as server:
        manager = TokenManager(server.token_endpoint, server.client_id, server.client_secret)
        await manager.get_token()
        work = {
            "empty async def": _each_awaited(_nothing),
            "TokenManager.get_token": _each_awaited(manager.get_token),
        }
        seconds = await take_turns(work, rounds=rounds, times=_TIMES, clock=time.process_time)
        await manager.close()
    return ratios("get_token()", seconds, "empty async def", unit="ns", scale=1e9)
