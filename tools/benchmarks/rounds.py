"""Times contenders in many short rounds; in each round all do the same amount of work.

If the machine slows down for a second, it slows all contenders of a round. Ratios within a round
are therefore stable even if times are not.
"""

import gc
import random
from collections.abc import Callable, Mapping

from tools.benchmarks.contenders import Repeat

Clock = Callable[[], float]


async def take_turns(
    work: Mapping[str, Repeat], *, rounds: int, times: int, clock: Clock
) -> dict[str, list[float]]:
    """Return for each name the seconds per repetition, one value per round.

    The order changes in each round. Garbage is collected between rounds, never within one.
    """
    for repeat in work.values():
        await repeat(times)
    names = list(work)
    order = random.Random(0)  # noqa: S311 - the order is the same in each run
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
