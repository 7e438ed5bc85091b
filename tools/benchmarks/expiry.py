"""Measures how long callers wait when their token expires.

Requests are due at fixed times, whether or not the previous one has finished, and latency counts
from the due time. A contender that blocks the event loop therefore delays later requests, and the
figures show it. The API and the token endpoint run in another process.
"""

import asyncio
import gc
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final

from tools.benchmarks import figures, loopback_server
from tools.benchmarks.canned import token_path
from tools.benchmarks.contenders import Contender, Place, Sender
from tools.benchmarks.effort import Effort
from tools.benchmarks.figures import Curve, Figure, Results, Spread
from tools.benchmarks.peers import installed

LIFETIME: Final = 2
ENDPOINT_MS: Final = 300
RATE: Final = 200
SLOW_MS: Final = 100.0
_BUCKET = 0.05
_LEFT_OUT = {"no-op middleware", "Client, session="}


@dataclass
class _Turn:
    """Latencies in ms, each with the second at which the request was due."""

    sent: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def percentile(self, number: int) -> float:
        return quantiles((ms for _, ms in self.sent), n=100, method="inclusive")[number - 1]

    def slow(self) -> float:
        return 100 * sum(ms > SLOW_MS for _, ms in self.sent) / len(self.sent)

    def timeline(self) -> list[tuple[float, float]]:
        worst: dict[int, float] = {}
        for at, ms in self.sent:
            bucket = int(at / _BUCKET)
            worst[bucket] = max(ms, worst.get(bucket, 0.0))
        return [(round(bucket * _BUCKET, 3), round(ms, 2)) for bucket, ms in sorted(worst.items())]


async def latency(effort: Effort) -> Results:
    """Measure all contenders, in turns of some seconds each."""
    contenders = [one for one in installed() if one.name not in _LEFT_OUT]
    turns: dict[str, list[_Turn]] = {one.name: [] for one in contenders}
    order = random.Random(0)  # noqa: S311 - the order is the same in each run
    async with loopback_server.in_child_process() as origin:
        for _ in range(effort.turns):
            for contender in order.sample(contenders, len(contenders)):
                turns[contender.name].append(await _turn(contender, origin, effort.seconds))
    baselines = {one.name: one.baseline for one in contenders}
    return Results(_figures(turns, baselines), _curves(turns))


async def _turn(contender: Contender, origin: str, seconds: float) -> _Turn:
    path = token_path(LIFETIME + contender.expires_early, ENDPOINT_MS)
    place = Place(f"{origin}/things", origin + path)
    turn = _Turn()
    async with contender.open(place) as sender:
        # Open the connections that a burst needs, as in a service that has run for a while.
        await asyncio.gather(*(sender.once() for _ in range(RATE // 10)))
        gc.collect()
        gc.freeze()
        try:
            await _send_steadily(sender, seconds, turn)
        finally:
            gc.unfreeze()
    return turn


async def _send_steadily(sender: Sender, seconds: float, turn: _Turn) -> None:
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(seconds * RATE)):
            at = number / RATE
            await asyncio.sleep(began + at - time.perf_counter())
            tasks.create_task(_send(sender, began, at, turn))


async def _send(sender: Sender, began: float, at: float, turn: _Turn) -> None:
    if (status := await sender.once()) != 200:
        raise RuntimeError(f"the API responded with status {status}")
    turn.sent.append((at, (time.perf_counter() - began - at) * 1000))


def _figures(turns: Mapping[str, list[_Turn]], baselines: Mapping[str, str]) -> list[Figure]:
    measured: list[Figure] = []
    for name, mine in turns.items():
        bare = turns[baselines[name]]
        p99 = [turn.percentile(99) for turn in mine]
        relative = [ms / base.percentile(99) for ms, base in zip(p99, bare, strict=True)]
        measured += [
            Figure(figures.P50, name, Spread.of(turn.percentile(50) for turn in mine), "ms"),
            Figure(figures.P99, name, Spread.of(p99), "ms"),
            Figure(figures.P99_RATIO, name, Spread.of(relative)),
            Figure(figures.SLOW, name, Spread.of(turn.slow() for turn in mine), "%"),
        ]
    return measured


def _curves(turns: Mapping[str, list[_Turn]]) -> list[Curve]:
    return [Curve(figures.TIMELINE, name, mine[0].timeline()) for name, mine in turns.items()]
