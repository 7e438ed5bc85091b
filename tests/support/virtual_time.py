"""An event loop with virtual time, which orders events by a seed wherever asyncio leaves it open.

The clock stands still while anything can run, and jumps to the next timer when nothing can. A seed
only causes orders that can really happen:

* Callbacks of `call_soon` run in their order, as asyncio promises.
* Timers run in the order of their times. Timers with the same time run in any order.
* A timer that is due may run any number of turns late, as on a busy machine.
* On Python 3.12 and newer, tasks may start eagerly.

The loop has no sockets and no files, and knows nothing about tokens.
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

from tests.support.clocks import replace_in_package

_START = 1000.0
_EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
_MAX_TURNS = 20_000  # of one scenario; more means an endless loop


class DeadlockError(Exception):
    """Every task waits, and nothing will wake any of them."""


class _NumberedTask(asyncio.Task[Any]):
    """A task whose hash is its number, so that a set of tasks has the same order in every run."""

    _number: int

    def __new__(  # pyright: ignore[reportInconsistentConstructor] - it needs only the loop
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
    """An event loop in which time passes only when nothing can run.

    Attributes:
        turn: How many turns the loop has made.
        tasks: How many tasks were created. The hash of a task is its number.
        faults: Messages for the loop's exception handler, such as exceptions never retrieved.

    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.turn = 0
        self.faults: list[str] = []
        self._order = random.Random(f"order {seed}")  # noqa: S311 - must be reproducible
        self._now = _START
        self._due: list[asyncio.TimerHandle] = []
        self.tasks = 0
        self._is_eager = sys.version_info >= (3, 12) and self._order.random() < 0.25
        self.set_exception_handler(lambda _, context: self.faults.append(str(context["message"])))

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def chance(self) -> float:
        """Replace `random.random`: return a number from 0 up to 1 that the seed decides."""
        return self._order.random()

    def shuffle(self, things: list[Any]) -> None:
        """Replace `random.shuffle`: put a list into an order that the seed decides."""
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
            raise DeadlockError(f"the loop is still busy after {_MAX_TURNS} turns")
        if not self._ready and not self._due:
            self._jump()
        self._release()
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 - as asyncio's own loop does

    def _jump(self) -> None:
        """Move the clock to the next timer."""
        timers = self._scheduled
        while timers and timers[0].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise DeadlockError("nothing can run, and no timer is set")
        self._now = max(self._now, timers[0].when())

    def _release(self) -> None:
        """Make some of the timers that are due ready to run; at least one if nothing else is."""
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
        """Leave the timer in the heap; `_jump` and `_release` skip it."""

    def _write_to_self(self) -> None:
        """Do nothing: this loop never sleeps, so it needs no wake-up."""


class _VirtualDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        now = _EPOCH + timedelta(seconds=_running().time() - _START)
        return cls.fromtimestamp(now.timestamp(), tz)


def _running() -> VirtualTimeLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop


def follow_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package use the time and the random numbers of the running virtual loop."""
    clock = SimpleNamespace(
        monotonic=lambda: _running().time(),
        time=lambda: _VirtualDatetime.now(UTC).timestamp(),
    )
    replace_in_package(monkeypatch, "time", clock)
    replace_in_package(monkeypatch, "datetime", _VirtualDatetime)
    chance = SimpleNamespace(random=lambda: _running().chance())
    replace_in_package(monkeypatch, "random", chance)
