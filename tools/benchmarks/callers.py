"""Measures 1 to 10,000 concurrent requests on a client that has no token yet.

CPU time in memory, including the token request. With many callers, the difference to aiohttp is the
cost of waiting for one shared token request. The largest runs take a second each, and the speed of
a machine changes meanwhile, so each run is compared with the aiohttp runs just before and after it.
"""

import asyncio
import gc
import random
import time
from statistics import mean, median

from tools.benchmarks.contenders import IN_MEMORY, Bare, Contender
from tools.benchmarks.effort import Effort
from tools.benchmarks.figures import CALLERS, Figure, Results, Spread, beside
from tools.benchmarks.peers import installed

_LEFT_OUT = {Bare.name, "no-op middleware", "Client, session="}
_LEAST_ROUNDS, _MOST_ROUNDS = 12, 100


async def growth(effort: Effort) -> Results:
    """Measure each number of callers."""
    results = Results()
    bare = Bare()
    contenders = [
        one for one in installed() if one.baseline == bare.name and one.name not in _LEFT_OUT
    ]
    order = random.Random(0)  # noqa: S311 - the order is the same in each run
    gc.collect()
    gc.freeze()  # imported modules need no collection before each run
    for callers in effort.sizes:
        against: dict[str, list[float]] = {one.name: [] for one in contenders}
        alone = [await _herd(bare, callers)]
        for turn in range(min(max(effort.work // callers, _LEAST_ROUNDS), _MOST_ROUNDS) + 1):
            for contender in order.sample(contenders, len(contenders)):
                taken = await _herd(contender, callers)
                alone.append(await _herd(bare, callers))
                if turn:  # the first turn warms up caches
                    against[contender.name].append(taken / mean(alone[-2:]))
        usual = median(alone) / callers * 1e6
        results.figures += [
            Figure(
                CALLERS,
                name,
                Spread.of(found),
                size=callers,
                # The ratio, applied to the usual time of aiohttp.
                note=beside(median(found) * usual, usual, "µs"),
            )
            for name, found in {bare.name: [1.0], **against}.items()
        ]
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
