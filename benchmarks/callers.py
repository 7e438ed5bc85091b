"""From one to ten thousand callers at once, on a client that has no token yet.

CPU time in memory, the token request included: what is left of it with many callers is what
waiting for one flight costs.
"""

import asyncio
import gc
import random
import time

from contenders import IN_MEMORY, Bare, Contender
from effort import Effort
from figures import CALLERS, Results, ratios
from peers import installed

_LEFT_OUT = {"no-op middleware", "Client, session="}
_LEAST_ROUNDS, _MOST_ROUNDS = 21, 100  # of 7, the median is off by a tenth at times


async def growth(effort: Effort) -> Results:
    """Measure each number of callers."""
    results = Results()
    contenders = [
        one for one in installed() if one.baseline == Bare.name and one.name not in _LEFT_OUT
    ]
    order = random.Random(0)  # noqa: S311 - no secret: an order that is the same in each run
    gc.collect()
    gc.freeze()  # what is there already needs no collecting before each herd
    for callers in effort.sizes:
        seconds: dict[str, list[float]] = {one.name: [] for one in contenders}
        for turn in range(min(max(effort.work // callers, _LEAST_ROUNDS), _MOST_ROUNDS) + 1):
            for contender in order.sample(contenders, len(contenders)):
                taken = await _herd(contender, callers)
                if turn:  # the first fills caches
                    seconds[contender.name].append(taken / callers)
        results.figures += ratios(CALLERS, seconds, Bare.name, scale=(1e6, "µs"), size=callers)
    gc.unfreeze()
    return results


async def _herd(contender: Contender, callers: int) -> float:
    async with IN_MEMORY.for_all_sessions(), contender.open(IN_MEMORY) as sender:
        gc.collect()
        gc.disable()
        try:
            began = time.process_time()
            await asyncio.gather(*(sender.once() for _ in range(callers)))
            return time.process_time() - began
        finally:
            gc.enable()
