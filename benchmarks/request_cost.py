"""What a request with a valid token costs beside aiohttp alone.

In memory it is the CPU time of this process; over loopback it is the time on the wall.
"""

import time
from contextlib import AsyncExitStack

import loopback_server
from aiohttp import TCPConnector
from contenders import CONTENDERS, Bare, Place, Sends
from figures import Figure, ratios
from memory_transport import MemoryConnector
from rounds import Clock, take_turns

_TIMES = 25


async def in_memory(rounds: int) -> list[Figure]:
    """Measure CPU time over the in-memory transport, in both ways of writing a request."""
    origin = "https://api.example.com"
    place = Place(f"{origin}/things", f"{origin}/token", MemoryConnector)
    return await _compare("CPU in memory", place, rounds, time.process_time)


async def over_loopback(rounds: int) -> list[Figure]:
    """Measure time on the wall over sockets, the server in another process."""
    async with loopback_server.in_child_process() as origin:
        place = Place(f"{origin}/things", f"{origin}/token", TCPConnector)
        return await _compare("loopback", place, rounds, time.perf_counter)


async def _compare(measure: str, place: Place, rounds: int, clock: Clock) -> list[Figure]:
    async with AsyncExitStack() as stack:
        opened: dict[str, Sends] = {}
        for contender in CONTENDERS:
            opened[contender.name] = await stack.enter_async_context(contender.open(place))
        awaited = {name: sends.awaited for name, sends in opened.items()}
        entered = {name: sends.entered for name, sends in opened.items()}
        figures: list[Figure] = []
        for form, work in (("await", awaited), ("async with", entered)):
            seconds = await take_turns(work, rounds=rounds, times=_TIMES, clock=clock)
            figures += ratios(f"{measure}, {form}", seconds, Bare.name, unit="µs", scale=1e6)
        return figures
