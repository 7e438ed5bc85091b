"""Measures 1 to 10,000 clients in one process: memory of a client, and CPU time of a request.

Each client has a session, one connection and a token. It is compared with an aiohttp session with
one connection. Memory is measured with `tracemalloc`.
"""

import gc
import time
import tracemalloc
from collections.abc import Sequence
from contextlib import AsyncExitStack
from statistics import median

from tools.benchmarks.contenders import IN_MEMORY, Bare, Contender, Repeat, Sender
from tools.benchmarks.effort import Effort
from tools.benchmarks.figures import CLIENT_CPU, CLIENT_MEMORY, Figure, Results, Spread, ratios
from tools.benchmarks.peers import installed
from tools.benchmarks.rounds import take_turns

_LEFT_OUT = {"no-op middleware", "Client, session="}
_SAMPLE, _LUMPS = 1_000, 5
_LEAST_ROUNDS, _MOST_ROUNDS = 10, 100


async def growth(effort: Effort) -> Results:
    """Measure each number of clients."""
    results = Results()
    contenders = [
        one for one in installed() if one.baseline == Bare.name and one.name not in _LEFT_OUT
    ]
    async with IN_MEMORY.for_all_sessions(), AsyncExitStack() as first:
        # The first client of each kind fills caches that all clients share.
        for contender in contenders:
            await _open(contender, 1, first)
        for clients in effort.sizes:
            results.add(await _measure(contenders, clients, effort.work))
    return results


async def _measure(contenders: Sequence[Contender], clients: int, work: int) -> Results:
    kib: dict[str, list[float]] = {}
    passes: dict[str, Repeat] = {}
    sample = min(clients, _SAMPLE)
    async with AsyncExitStack() as stack:
        for contender in contenders:
            # Tracing is slow: only the last clients are traced, and a sample of all is timed.
            senders = await _open(contender, max(clients - _SAMPLE, 0), stack)
            kib[contender.name] = []
            for lump in _lumps(sample):
                weighed, each = await _weigh(contender, lump, stack)
                senders += weighed
                kib[contender.name].append(each)
            passes[contender.name] = _one_each(senders[:: clients // sample])
        rounds = min(max(work // clients, _LEAST_ROUNDS), _MOST_ROUNDS)
        seconds = await take_turns(passes, rounds=rounds, times=1, clock=time.process_time)
    of_one = {name: [value / sample for value in values] for name, values in seconds.items()}
    found = ratios(CLIENT_CPU, of_one, Bare.name, scale=(1e6, "µs"), size=clients)
    alone = median(kib.pop(Bare.name))
    return Results([*found, *(_memory(name, value, alone, clients) for name, value in kib.items())])


def _lumps(clients: int) -> list[int]:
    # Several measurements, so that a growing table of the interpreter is not in the median.
    return [clients // _LUMPS] * _LUMPS if clients >= _LUMPS else [clients]


def _memory(name: str, kib: list[float], alone: float, clients: int) -> Figure:
    return Figure(
        CLIENT_MEMORY,
        name,
        Spread.of(each - alone for each in kib),
        unit="KiB",
        size=clients,
        note=f"{median(kib):.1f} KiB, including {alone:.1f} of the session",
    )


async def _open(contender: Contender, clients: int, stack: AsyncExitStack) -> list[Sender]:
    senders: list[Sender] = []
    for _ in range(clients):
        senders.append(await stack.enter_async_context(contender.open(IN_MEMORY)))
        await senders[-1].once()
    return senders


async def _weigh(
    contender: Contender, clients: int, stack: AsyncExitStack
) -> tuple[list[Sender], float]:
    """Open clients; return them and the KiB that each takes."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        senders = await _open(contender, clients, stack)
        gc.collect()
        return senders, tracemalloc.get_traced_memory()[0] / clients / 1024
    finally:
        tracemalloc.stop()
        gc.enable()


def _one_each(senders: Sequence[Sender]) -> Repeat:
    async def repeat(times: int) -> None:
        for sender in senders:
            await sender.awaited(times)

    return repeat
