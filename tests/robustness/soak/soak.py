"""The course of a soak: load, events and samples for so many seconds, then everything is closed.

In its first part each event happens once, so that what is made on first use, and kept, has been
made before it could be taken for growth: an error's first instance fills caches of Python's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import random
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout

from aioalf import Client, OAuth2Middleware, TokenManager
from tests.robustness.soak import load, meters
from tests.robustness.soak.diary import Diary, Entry
from tests.robustness.soak.events import BY_NAME, EVENTS, Event
from tests.robustness.soak.load import Account, Load
from tests.robustness.soak.meters import Growth, Samples
from tests.robustness.soak.servers import Servers, in_child_process

_SENDERS: Final = 5  # of each kind of user
_ASKERS: Final = 2
_SAMPLES: Final = 100  # in a long run more, so that no 401 is judged when its event is forgotten
_LONGEST_TURN: Final = 10.0
_OPENING: Final = 0.2  # of the time
_WARM_UP: Final = 0.25
_TURNS_TO_CLOSE: Final = 20
JUDGED_FROM: Final = 60
"""Seconds of the shortest run of which everything is judged.

In a shorter one caches are still filling, and events leave little undisturbed.
"""


@dataclass(frozen=True)
class Result:
    """What a soak yields."""

    seconds: float
    diary: Diary
    growth: list[Growth]
    left: Mapping[str, float]
    """Tasks, sockets and file descriptors that there are more of than before, after closing."""

    @property
    def is_judged(self) -> bool:
        """Whether the run was long enough to judge growth, and that there was what to judge."""
        return self.seconds >= JUDGED_FROM

    @property
    def has_seen_enough(self) -> bool:
        """Whether there were what is counted: tokens got far from events, and repaired 401s."""
        return bool(self.diary.undisturbed["tokens"] and self.diary.repaired.total())

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong that was not made to, and nothing grew or was left."""
        is_grown = not all(one.is_noise for one in self.growth)
        is_bad = self.is_judged and (is_grown or not self.has_seen_enough)
        return not (self.diary.error_count or self.left or is_bad)


async def soak(seconds: float, seed: int) -> Result:
    """Run for so many seconds; events come in the catalogue's order, at times the seed decides."""
    tracemalloc.start()
    try:
        async with in_child_process() as servers:
            before = meters.read()
            diary = Diary(load.GRACE)
            with load.own_sessions_watched():
                samples = await _run(servers, diary, seconds, random.Random(seed))  # noqa: S311
            for _ in range(_TURNS_TO_CLOSE):
                await asyncio.sleep(0)
            after = meters.read()
    finally:
        tracemalloc.stop()
    growth = [meters.growth_of(meter, samples, diary.requests) for meter in meters.METERS]
    names = [meter.name for meter in meters.COUNTED]
    left = {name: after[name] - before[name] for name in names if after[name] > before[name]}
    return Result(seconds, diary, growth, left)


async def _run(servers: Servers, diary: Diary, seconds: float, chance: random.Random) -> Samples:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    turn = min(seconds / _SAMPLES, _LONGEST_TURN)
    samples = Samples(math.ceil(seconds / turn))
    async with _users(servers, diary) as work:
        happenings = asyncio.ensure_future(_happen(servers, diary, seconds, chance))
        try:
            while (now := loop.time() - begun) < seconds:
                await asyncio.sleep(min(turn, seconds - now))
                await work.hold_still()
                diary.settle(loop.time())
                if loop.time() - begun > seconds * _WARM_UP:
                    samples.add(loop.time() - begun)
                work.go_on()
        finally:
            happenings.cancel()
            await asyncio.gather(happenings, return_exceptions=True)
            await servers.end()
    diary.settle(loop.time())
    return samples


async def _happen(servers: Servers, diary: Diary, seconds: float, chance: random.Random) -> None:
    """Let one event after the other happen; between them everything works for a while."""
    revocation = BY_NAME["revocation"]  # without it nobody may ask for a token meanwhile
    for event in EVENTS:
        async with _happening(servers, diary, revocation, event):
            await asyncio.sleep(seconds * _OPENING / len(EVENTS))
    lasts = min(2.0, seconds / 15)
    # Longer than an event's grace, its shortest too, in every run that is judged and some more:
    # else no token is got far from events.
    rest = min(load.GRACE + 3, seconds / 8)
    for event in itertools.cycle(EVENTS):
        await asyncio.sleep(rest * chance.uniform(0.8, 1.2))
        async with _happening(servers, diary, event):
            await asyncio.sleep(lasts * chance.uniform(0.8, 1.2))


@contextlib.asynccontextmanager
async def _happening(servers: Servers, diary: Diary, *events: Event) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    entries: list[Entry] = []
    for event in events:
        entries.append(diary.begin(event, loop.time()))
        await servers.begin(event.name)
        entries[-1].happened = loop.time()
    yield
    await servers.end()
    for entry in entries:
        entry.ended = loop.time()


@contextlib.asynccontextmanager
async def _users(servers: Servers, diary: Diary) -> AsyncIterator[Load]:
    """Set everybody to work, and close everything at the end."""
    work = Load(diary, servers.urls["api"])
    managers = [_manager(servers, diary) for _ in range(2)]
    middleware = OAuth2Middleware(managers[0])
    async with (
        Client("client-id", "secret", servers.urls["token"], **options(diary)) as client,
        ClientSession(middlewares=[middleware], trace_configs=[load.watch()]) as session,
    ):
        workers = [
            *(work.send("Client", client, number) for number in range(_SENDERS)),
            *(work.send("middleware", session, number) for number in range(_SENDERS)),
            *(work.ask(managers[1]) for _ in range(_ASKERS)),
        ]
        tasks = [asyncio.ensure_future(worker) for worker in workers]
        try:
            yield work
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            for manager in managers:
                await manager.close()
    failed = [end for end in ends if not isinstance(end, asyncio.CancelledError)]
    if failed:
        raise RuntimeError("a worker of the soak failed") from failed[0]


def _manager(servers: Servers, diary: Diary) -> TokenManager:
    return TokenManager(servers.urls["token"], "client-id", "secret", **options(diary))


def options(diary: Diary) -> dict[str, Any]:
    """Return the keywords of a user that has an account of its own."""
    account = Account(diary)
    return {
        "http_options": {"timeout": ClientTimeout(total=load.TIMEOUT)},
        "client_auth": account,
        "grant": account,
        "renewal": load.RENEWAL,
        "retry": load.RETRY,
    }
