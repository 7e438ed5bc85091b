"""Measures `get_token()` with a cached token, against a coroutine that does nothing."""

import time
from collections.abc import Awaitable, Callable

from tools.benchmarks.contenders import IN_MEMORY, Middleware, Repeat
from tools.benchmarks.effort import Effort
from tools.benchmarks.figures import GET_TOKEN, Results, ratios
from tools.benchmarks.peers import installed, opened
from tools.benchmarks.rounds import take_turns

_TIMES = 200
_EMPTY = "empty async def"


async def _nothing() -> None:
    pass


def _each_awaited(call: Callable[[], Awaitable[object]]) -> Repeat:
    async def repeat(times: int) -> None:
        for _ in range(times):
            await call()

    return repeat


async def get_token(effort: Effort) -> Results:
    """Measure the CPU time of a call."""
    async with opened(IN_MEMORY, installed()) as senders:
        calls = {name: sender.token for name, sender in senders.items() if sender.token}
        calls = {_EMPTY: _nothing, "TokenManager.get_token": calls.pop(Middleware.name), **calls}
        work = {name: _each_awaited(call) for name, call in calls.items()}
        seconds = await take_turns(
            work, rounds=effort.rounds, times=_TIMES, clock=time.process_time
        )
    return Results(ratios(GET_TOKEN, seconds, _EMPTY, scale=(1e9, "ns")))
