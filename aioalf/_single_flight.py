"""One running call for many callers.

A flight is a task of its own: a caller who is cancelled leaves it flying for the others. Callers
share its result, or each raise an own copy of its error. It knows asyncio, not what a call is.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final, Generic, TypeVar

from aioalf.errors import TokenError

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

# Empty ones take room, and flights may be many.
_NONE: Final[frozenset[Any]] = frozenset()
_NOBODY: Final[dict[Any, None]] = {}


class FlightCancelledError(TokenError):
    """The flight was ended before it had a result, by `SingleFlight.close` or its event loop."""


class SingleFlight(Generic[T]):
    """At most one call is running; who asks meanwhile waits for it."""

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None
        self._waiting: dict[asyncio.Future[None], None] = _NOBODY  # for the flight in the air
        self._abandoned: frozenset[asyncio.Task[T]] = _NONE

    async def run(self, call: Callable[[], Coroutine[object, object, T]]) -> T:
        """Return the result of the call in the air, or of this one when there is none.

        Raises what the call raises, FlightCancelledError when the flight was ended, and
        RuntimeError while a flight of another event loop is in the air.
        """
        task = self.start(call)
        # A future for each and nothing else: there may be ten thousand callers.
        landed: asyncio.Future[None] = task.get_loop().create_future()
        waiting = self._waiting
        waiting[landed] = None
        try:
            await landed
        except BaseException:
            del waiting[landed]
            raise
        if task.cancelled():
            raise FlightCancelledError(
                "The token request was ended: the client was closed or logged out meanwhile"
            )
        if (error := task.exception()) is not None:
            raise copy_exception(error)
        return task.result()

    def start(self, call: Callable[[], Coroutine[object, object, T]]) -> asyncio.Task[T]:
        """Return the flight in the air, or take off."""
        loop = asyncio.get_running_loop()
        task = self._task
        if task is None or not _is_flying(task, loop):
            task = self._task = loop.create_task(call())
            waiting = self._waiting = {}
            task.add_done_callback(lambda task: self._land(task, waiting))
        return task

    @property
    def is_in_the_air(self) -> bool:
        """Whether a call is running that `run` would wait for."""
        return self._task is not None and _is_flying(self._task, asyncio.get_running_loop())

    def check_loop(self) -> None:
        """Raise RuntimeError while a flight of another event loop is in the air."""
        if self._task is not None:
            _is_flying(self._task, asyncio.get_running_loop())

    def abandon(self) -> None:
        """Let what is in the air go on for those who wait for it; the next caller starts anew.

        Raises RuntimeError as `check_loop`.
        """
        self.check_loop()
        if self._task is not None:
            self._abandoned |= {self._task}
            self._task, self._waiting = None, _NOBODY

    def end(self) -> None:
        """End what is in the air, without a wait for its end; the next caller starts anew."""
        self.abandon()
        loop = asyncio.get_running_loop()
        # Each leaves it when it has landed: who closes waits for all.
        self._abandoned = frozenset(t for t in self._abandoned if t.get_loop() is loop) or _NONE
        for task in self._abandoned:
            if not task.cancelling():
                task.cancel()

    async def close(self) -> None:
        """End what is in the air, and wait until it has ended."""
        self.end()
        if self._abandoned:
            await asyncio.wait(self._abandoned)

    def _land(self, task: asyncio.Task[T], waiting: Iterable[asyncio.Future[None]]) -> None:
        self._abandoned = self._abandoned - {task} or _NONE
        if self._task is task:
            self._task, self._waiting = None, _NOBODY
        if not task.cancelled():
            task.exception()  # seen: when every caller has left, nobody else looks at it
        for landed in waiting:
            if not landed.done():  # it is, when who waited was cancelled
                landed.set_result(None)


async def run_to_completion(call: Coroutine[object, object, T]) -> T:
    """Await a call to its end, which is here also for who is cancelled meanwhile.

    So a lock is held until what it guards is done: who has it next finds that.
    """
    task = asyncio.get_running_loop().create_task(call)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen: nobody else looks at it
        raise cancelled
    return task.result()


def _is_flying(task: asyncio.Task[T], loop: asyncio.AbstractEventLoop) -> bool:
    other = task.get_loop()
    if other is loop:
        return not task.done()
    if other.is_running():
        raise RuntimeError(
            "used from two event loops at once: make one for each, or use one loop after the other"
        )
    return False  # its loop has stopped: nobody will ever land it


def copy_exception(error: E) -> E:
    """Return an equal error: one object raised in many tasks grows its traceback in each.

    One that cannot be copied is returned as it is.
    """
    try:
        twin = copy.copy(error) if hasattr(error, "__copy__") else _twin(error)
    except Exception:  # noqa: BLE001 - whatever a class of somebody's does
        return error
    twin.__cause__ = error.__cause__
    twin.__suppress_context__ = error.__suppress_context__
    return twin.with_traceback(error.__traceback__)


def copy_without_frames(error: E, depth: int = 3) -> E:
    """Return an equal error that holds no frames, which hold much; nor do those that it holds.

    Of its causes, and theirs, there are `depth`.
    """
    twin = copy_exception(error)
    if twin is not error:
        twin.__traceback__ = None
        for name, value in {"__cause__": twin.__cause__, **vars(twin)}.items():
            if isinstance(value, BaseException):
                setattr(twin, name, copy_without_frames(value, depth - 1) if depth else None)
    return twin


def _twin(error: E) -> E:
    # Without its __init__, which may want other arguments or make another message of them.
    twin = error.__class__.__new__(error.__class__, *error.args)
    for kind in error.__class__.__mro__[:-2]:  # without BaseException and object
        for name, member in vars(kind).items():
            # Some classes hold what they are made with in places of their own, as OSError does.
            if isinstance(member, MemberDescriptorType | GetSetDescriptorType):
                with suppress(AttributeError, TypeError, ValueError):
                    value = getattr(error, name)
                    if value is not None:  # to OSError, None is not the same as nothing
                        setattr(twin, name, value)
    twin.args = error.args
    vars(twin).update(vars(error))
    return twin
