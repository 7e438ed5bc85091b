"""An event loop without real time, in which a seed decides what asyncio leaves open.

The clock stands while anything can run, and jumps to the next timer when nothing can. No more is
reordered than may happen in reality: what `call_soon` was given runs in its order, as is promised;
timers run in the order of their times, those of one time in any order (it is "undefined"); and a
timer that is due may be late by any number of turns, as on a busy machine or like an answer that is
read a turn later. Other freedom is the scenarios': how many turns their servers take. On Python
3.12 and newer tasks may begin eagerly, too. It knows nothing of tokens.
"""

import asyncio
import heapq
import random
import sys
from collections import deque
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Self

import pytest

_START = 1000.0
_EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
_MAX_TURNS = 20_000  # of one scenario: more is a loop without an end


class DeadlockError(Exception):
    """Everybody waits for something that nothing will bring."""


class _NumberedTask(asyncio.Task[Any]):
    """Its hash is its number in its loop: a set of tasks has the same order in every run."""

    _number: int

    def __new__(  # pyright: ignore[reportInconsistentConstructor] - it looks at the loop only
        cls, *_: object, loop: "VirtualTimeLoop", **__: object
    ) -> Self:
        task = super().__new__(cls)
        task._number = loop.count_task()
        return task

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Runs what needs no files and no sockets; `turn` counts its rounds.

    `tasks` counts those that were made, and the hash of a task is its number. `faults` holds what
    went unnoticed: exceptions that nobody retrieved, tasks that were destroyed.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.turn = 0
        self.faults: list[str] = []
        self._order = random.Random(f"order {seed}")  # noqa: S311 - the same again is the point
        self._now = _START
        self._due: list[asyncio.TimerHandle] = []
        self.tasks = 0
        self._is_eager = sys.version_info >= (3, 12) and self._order.random() < 0.25
        self.set_exception_handler(lambda _, context: self.faults.append(str(context["message"])))

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._now

    def chance(self) -> float:
        """Return a number from 0 up to 1, as `random.random` does."""
        return self._order.random()

    def shuffle(self, things: list[Any]) -> None:
        """Put a list into any order, as `random.shuffle` does."""
        self._order.shuffle(things)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """Return a task whose hash is its number."""
        if self._is_eager:
            options.setdefault("eager_start", True)
        return _NumberedTask(coro, loop=self, **options)

    def count_task(self) -> int:
        """Return the number of a new task."""
        self.tasks += 1
        return self.tasks

    def _run_once(self) -> None:
        self.turn += 1
        if self.turn > _MAX_TURNS:
            raise DeadlockError("the loop is busy without an end")
        if not self._ready and not self._due:
            self._jump()
        self._release()
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 - as asyncio's loop does

    def _jump(self) -> None:
        timers = self._scheduled
        while timers and timers[0].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise DeadlockError("nothing can run, and no timer is set")
        self._now = max(self._now, timers[0].when())

    def _release(self) -> None:
        timers = self._scheduled
        while timers and timers[0].when() <= self._now:
            self._due.append(heapq.heappop(timers))
        self._due = [timer for timer in self._due if not timer.cancelled()]
        self._due.sort(key=lambda timer: (timer.when(), self._order.random()))
        least = 0 if self._ready or not self._due else 1
        count = self._order.randint(least, len(self._due))
        self._ready.extend(self._due[:count])
        del self._due[:count]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave it in the heap: it is passed over there."""

    def _write_to_self(self) -> None:
        """Wake nobody: this loop never waits."""


class _VirtualDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        now = _EPOCH + timedelta(seconds=_running().time() - _START)
        return cls.fromtimestamp(now.timestamp(), tz)


def _running() -> VirtualTimeLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop


_WITH_A_CLOCK = (
    "token",
    "retry",
    "_auth_server.token_endpoint",
    "_login.cache_entry",
    "_renewing_token",
    "manager",
    "_requests.manager_adapter",
    "_requests.time_limit",
    "implicit_manager",
)
"""The modules that read the monotonic clock."""


def follow_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package's clocks and its chance be those of the virtual loop that is running."""
    clock = SimpleNamespace(monotonic=lambda: _running().time())
    for module in _WITH_A_CLOCK:
        monkeypatch.setattr(f"aioalf.{module}.time", clock)
    for module in ("token", "_auth_server.token_endpoint", "_login.cache_entry"):
        monkeypatch.setattr(f"aioalf.{module}.datetime", _VirtualDatetime)
    chance = SimpleNamespace(random=lambda: _running().chance())
    for module in ("retry", "_renewing_token"):
        monkeypatch.setattr(f"aioalf.{module}.random", chance)
