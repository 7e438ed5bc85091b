"""From one to ten thousand callers at once, on a client that has no token yet.

CPU time in memory, the token request included: what is left of it with many callers is what
waiting for one flight costs. The largest herds take a second each, and a machine changes its pace
meanwhile: each is compared with those of aiohttp just before and just after it.
"""

import asyncio
import gc
import random
import time
from statistics import mean, median

from contenders import IN_MEMORY, Bare, Contender
from effort import Effort
from figures import CALLERS, Figure, Results, Spread, beside
from peers import installed

_LEFT_OUT = {Bare.name, "no-op middleware", "Client, session="}
_LEAST_ROUNDS, _MOST_ROUNDS = 12, 100


async def growth(effort: Effort) -> Results:
    """Measure each number of callers."""
    results = Results()
    bare = Bare()
    contenders = [
        one for one in installed() if one.baseline == bare.name and one.name not in _LEFT_OUT
    ]
    order = random.Random(0)  # noqa: S311 - no secret: an order that is the same in each run
    gc.collect()
    gc.freeze()  # what is there already needs no collecting before each herd
    for callers in effort.sizes:
        against: dict[str, list[float]] = {one.name: [] for one in contenders}
        alone = [await _herd(bare, callers)]
        for turn in range(min(max(effort.work // callers, _LEAST_ROUNDS), _MOST_ROUNDS) + 1):
            for contender in order.sample(contenders, len(contenders)):
                taken = await _herd(contender, callers)
                alone.append(await _herd(bare, callers))
                if turn:  # the first fills caches
                    against[contender.name].append(taken / mean(alone[-2:]))
        usual = median(alone) / callers * 1e6
        results.figures += [
            Figure(
                CALLERS,
                name,
                Spread.of(found),
                size=callers,
                # All times at one pace: as long as it usually takes alone.
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
