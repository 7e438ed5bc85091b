"""Contenders in turn: many short rounds, in each of which everybody does the same amount of work.

What slows the machine for a second slows all of a round, so that ratios within a round hold where
times do not. It does not know what the work is.
"""

import gc
import random
from collections.abc import Callable, Mapping

from contenders import Repeat

Clock = Callable[[], float]


async def take_turns(
    work: Mapping[str, Repeat], *, rounds: int, times: int, clock: Clock
) -> dict[str, list[float]]:
    """Return for each name its seconds a piece, one value a round.

    The order is new in each round. Garbage is collected between rounds, never within one.
    """
    for repeat in work.values():
        await repeat(times)
    names = list(work)
    order = random.Random(0)  # noqa: S311 - no secret: an order that is the same in each run
    seconds: dict[str, list[float]] = {name: [] for name in names}
    gc.freeze()
    gc.disable()
    try:
        for _ in range(rounds):
            gc.collect()
            order.shuffle(names)
            for name in names:
                seconds[name].append(await _time(work[name], times, clock))
    finally:
        gc.enable()
        gc.unfreeze()
    return seconds


async def _time(repeat: Repeat, times: int, clock: Clock) -> float:
    began = clock()
    await repeat(times)
    return (clock() - began) / times
