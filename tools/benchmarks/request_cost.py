"""Measures a request with a valid token against the HTTP library alone.

In memory: CPU time of this process. Over loopback: wall-clock time.
"""

import time

from tools.benchmarks import figures, loopback_server
from tools.benchmarks.contenders import IN_MEMORY, Bare, Place
from tools.benchmarks.effort import Effort
from tools.benchmarks.figures import Results, ratios
from tools.benchmarks.peers import Httpx, installed, opened
from tools.benchmarks.rounds import Clock, take_turns

_TIMES = 20
_MICROSECONDS = (1e6, "µs")


async def in_memory(effort: Effort) -> Results:
    """Measure CPU time in memory, with ``await`` and with ``async with``."""
    clock = time.process_time
    results = await _compare(
        Bare.name, IN_MEMORY, effort.rounds, clock, (figures.AWAITED, figures.ENTERED)
    )
    if any(one.name == Httpx.name for one in installed()):
        rounds = effort.httpx_rounds
        results.add(await _compare(Httpx.name, IN_MEMORY, rounds, clock, (figures.HTTPX,)))
    return results


async def over_loopback(effort: Effort) -> Results:
    """Measure wall-clock time over sockets, with the server in another process."""
    async with loopback_server.in_child_process() as origin:
        place = Place(f"{origin}/things", f"{origin}/token")
        forms = (figures.LOOPBACK_AWAITED, figures.LOOPBACK_ENTERED)
        return await _compare(Bare.name, place, effort.loopback_rounds, time.perf_counter, forms)


async def _compare(
    baseline: str, place: Place, rounds: int, clock: Clock, measures: tuple[str, ...]
) -> Results:
    """Compare contenders with one baseline; the second measure, if any, uses ``async with``."""
    results = Results()
    contenders = tuple(one for one in installed() if one.baseline == baseline)
    async with opened(place, contenders) as senders:
        awaited = {name: sender.awaited for name, sender in senders.items()}
        entered = {name: sender.entered for name, sender in senders.items()}
        for measure, work in zip(measures, (awaited, entered), strict=False):
            seconds = await take_turns(work, rounds=rounds, times=_TIMES, clock=clock)
            results.figures += ratios(measure, seconds, baseline, scale=_MICROSECONDS)
    return results
