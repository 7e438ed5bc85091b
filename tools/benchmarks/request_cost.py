"""What a request with a valid token costs beside the HTTP library alone.

In memory it is the CPU time of this process; over loopback it is the time on the wall.
"""

import time

import figures
import loopback_server
from contenders import IN_MEMORY, Bare, Place
from effort import Effort
from figures import Results, ratios
from peers import Httpx, installed, opened
from rounds import Clock, take_turns

_TIMES = 20
_MICROSECONDS = (1e6, "µs")


async def in_memory(effort: Effort) -> Results:
    """Measure CPU time over the in-memory transport, in both ways of writing a request."""
    clock = time.process_time
    results = await _compare(
        Bare.name, IN_MEMORY, effort.rounds, clock, (figures.AWAITED, figures.ENTERED)
    )
    if any(one.name == Httpx.name for one in installed()):
        rounds = effort.httpx_rounds
        results.add(await _compare(Httpx.name, IN_MEMORY, rounds, clock, (figures.HTTPX,)))
    return results


async def over_loopback(effort: Effort) -> Results:
    """Measure time on the wall over sockets, the server in another process."""
    async with loopback_server.in_child_process() as origin:
        place = Place(f"{origin}/things", f"{origin}/token")
        forms = (figures.LOOPBACK_AWAITED, figures.LOOPBACK_ENTERED)
        return await _compare(Bare.name, place, effort.loopback_rounds, time.perf_counter, forms)


async def _compare(
    baseline: str, place: Place, rounds: int, clock: Clock, measures: tuple[str, ...]
) -> Results:
    """Compare those with one baseline; the second measure, if any, enters each request."""
    results = Results()
    contenders = tuple(one for one in installed() if one.baseline == baseline)
    async with opened(place, contenders) as senders:
        awaited = {name: sender.awaited for name, sender in senders.items()}
        entered = {name: sender.entered for name, sender in senders.items()}
        for measure, work in zip(measures, (awaited, entered), strict=False):
            seconds = await take_turns(work, rounds=rounds, times=_TIMES, clock=clock)
            results.figures += ratios(measure, seconds, baseline, scale=_MICROSECONDS)
    return results
