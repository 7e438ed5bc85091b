"""Runs a soak: load, events and samples for some time; then closes everything.

First, each worker sends a request, and each event happens once, however long that takes. Objects
that are created on first use and kept then exist before growth is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import random
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import ClientSession

from aioalf import Client, OAuth2Middleware, TokenManager
from tests.robustness.soak import load, meters
from tests.robustness.soak.diary import Diary, Entry
from tests.robustness.soak.events import BY_NAME, EVENTS, Event
from tests.robustness.soak.load import Load
from tests.robustness.soak.meters import Growth, Samples
from tests.robustness.soak.servers import Servers, in_child_process
from tests.robustness.soak.users import Users

_SENDERS: Final = 5  # of each kind of user
_TOKEN_CALLERS: Final = 2
_SAMPLES: Final = 100  # more in a long run: 401s must be settled before their events are forgotten
_LONGEST_TURN: Final = 10.0
_OPENING: Final = 0.2  # fraction of the time
_WARM_UP: Final = 0.25
_TURNS_TO_CLOSE: Final = 20
JUDGED_FROM: Final = 60
"""Minimum duration in seconds for judging growth. In shorter runs caches are still filling."""


@dataclass(frozen=True)
class Result:
    """The result of a soak."""

    seconds: float
    diary: Diary
    growth: list[Growth]
    left: Mapping[str, float]
    """Additional tasks, sockets and file descriptors after closing."""

    @property
    def is_judged(self) -> bool:
        """Whether the run was long enough to judge growth."""
        return self.seconds >= JUDGED_FROM

    @property
    def has_seen_enough(self) -> bool:
        """Whether there were tokens without a nearby event, and repaired 401s."""
        return bool(self.diary.undisturbed["tokens"] and self.diary.repaired.total())

    @property
    def is_good(self) -> bool:
        """Whether there were no unexplained errors, no growth and no leftovers."""
        is_grown = not all(one.is_noise for one in self.growth)
        is_bad = self.is_judged and (is_grown or not self.has_seen_enough)
        return not (self.diary.error_count or self.left or is_bad)


async def soak(seconds: float, seed: int) -> Result:
    """Run a soak; the seed decides the times of the events."""
    tracemalloc.start()
    try:
        async with in_child_process() as servers:
            before = meters.read()
            diary = Diary(load.GRACE)
            with load.trace_own_sessions():
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
    async with _users(servers, diary, chance) as (work, users):
        await work.pause()  # each worker has sent a request before the first event
        work.resume()
        happenings = _Happenings(servers, users, diary)
        happening = asyncio.ensure_future(happenings.run(seconds, chance))
        try:
            while not happening.done() and (
                loop.time() - begun < seconds or not happenings.is_each_over.is_set()
            ):
                await asyncio.sleep(turn)
                await work.pause()
                diary.settle(loop.time())
                users.forget()
                if loop.time() - begun > seconds * _WARM_UP:
                    samples.add(loop.time() - begun)
                work.resume()
        finally:
            happening.cancel()
            await asyncio.gather(happening, return_exceptions=True)
            await servers.end()
    if not happening.cancelled():
        raise RuntimeError("an event of the soak failed") from happening.exception()
    diary.settle(loop.time())
    return samples


@dataclass(frozen=True)
class _Happenings:
    """The events, which affect the servers and the users."""

    servers: Servers
    users: Users
    diary: Diary
    is_each_over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when each event has happened once."""

    async def run(self, seconds: float, chance: random.Random) -> None:
        """Start one event after another, with pauses between them."""
        revocation = BY_NAME["revocation"]  # otherwise there may be no token request meanwhile
        for event in EVENTS:
            async with self._happening(revocation, event):
                await asyncio.sleep(seconds * _OPENING / len(EVENTS))
        self.is_each_over.set()
        lasts = min(2.0, seconds / 15)
        # Longer than `GRACE` in every run that is judged; otherwise every token is near an event.
        rest = min(load.GRACE + 3, seconds / 8)
        for event in itertools.cycle(EVENTS):
            await asyncio.sleep(rest * chance.uniform(0.8, 1.2))
            async with self._happening(event):
                await asyncio.sleep(lasts * chance.uniform(0.8, 1.2))

    @contextlib.asynccontextmanager
    async def _happening(self, *events: Event) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        entries: list[Entry] = []
        for event in events:
            entries.append(self.diary.begin(event, loop.time()))
            await self.servers.begin(event.name)
            entries[-1].happened = loop.time()
        async with self.users.disturbing(events[-1]):
            yield
        await self.servers.end()
        for entry in entries:
            entry.ended = loop.time()


@contextlib.asynccontextmanager
async def _users(
    servers: Servers, diary: Diary, chance: random.Random
) -> AsyncIterator[tuple[Load, Users]]:
    """Start all workers; cancel them and close everything at exit."""
    work = Load(diary, servers.urls["api"])
    managers = [_manager(servers, diary) for _ in range(2)]
    middleware = OAuth2Middleware(managers[0])
    with tempfile.TemporaryDirectory() as directory:
        users = Users(diary, work, servers.urls, Path(directory), chance)
        async with (
            Client("client-id", "secret", servers.urls["token"], **load.options(diary)) as client,
            ClientSession(middlewares=[middleware], trace_configs=[load.trace_tokens()]) as session,
        ):
            workers = [
                *(work.send("Client", client, number) for number in range(_SENDERS)),
                *(work.send("middleware", session, number) for number in range(_SENDERS)),
                *(work.get_tokens(managers[1]) for _ in range(_TOKEN_CALLERS)),
                *users.workers(),
            ]
            tasks = [asyncio.ensure_future(worker) for worker in workers]
            await asyncio.sleep(0)  # let them start
            try:
                yield work, users
            finally:
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
                for manager in managers:
                    await manager.close()
                await users.close()
        for name in users.files():
            diary.add_error(f"left in the cache directory: {name}")
    failed = [end for end in ends if not isinstance(end, asyncio.CancelledError)]
    if failed:
        raise RuntimeError("a worker of the soak failed") from failed[0]


def _manager(servers: Servers, diary: Diary) -> TokenManager:
    return TokenManager(servers.urls["token"], "client-id", "secret", **load.options(diary))
