"""One running call for many callers, and copies of its error for each of them.

A flight is a task of its own, so cancelling one caller does not affect the others. Callers share
its result, or each raise their own copy of its error. Must not know what a call does.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from contextvars import ContextVar, copy_context
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final, Generic, TypeVar

from aioalf._closing import CLOSE_TIMEOUT
from aioalf.errors import TokenError

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

logger: logging.Logger = logging.getLogger(__name__)

CANCELLED_INSIDE: Final = (
    "The token request failed: a function, a cache or a session that was passed to the client "
    "raised CancelledError"
)

_FLIGHTS: ContextVar[tuple[asyncio.Task[Any], ...]] = ContextVar("aioalf_flights", default=())
"""The calls in flight that wait for the current task or thread."""


def refuse_to_wait_for(task: asyncio.Task[Any] | None) -> None:
    """Raise TokenError if `task` waits for the current task, and would then wait for itself."""
    if task is not None and (task is asyncio.current_task() or task in _FLIGHTS.get()):
        raise TokenError(
            "A function that the token request waits for uses the client, which would wait for "
            "itself forever: do not use the client there"
        )


Waiting = dict[asyncio.Future[None], None]
"""The futures of the callers of a flight: a dict is an ordered set."""


class FlightCancelledError(TokenError):
    """Raised when `SingleFlight.end`, `close` or the event loop cancelled the running call."""


class SingleFlight(Generic[T]):
    """Runs at most one call at a time; concurrent callers wait for its result."""

    __slots__ = ("_abandoned", "_current", "_loop")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # of the last call
        self._current: tuple[asyncio.Task[T], Waiting] | None = None
        self._abandoned: tuple[asyncio.Task[T], ...] = ()

    async def run(self, call: Callable[[], Coroutine[object, object, T]]) -> T:
        """Return the result of the call in flight, or else start `call` and return its result.

        Raises a copy of the call's error, FlightCancelledError if the call was cancelled, another
        TokenError if it raised CancelledError by itself, and RuntimeError if a call is in flight in
        another running event loop.
        """
        task, waiting = self._join(call)
        refuse_to_wait_for(task)
        # Only one plain future for each caller: there may be thousands of them.
        landed: asyncio.Future[None] = task.get_loop().create_future()
        waiting[landed] = None
        try:
            await landed
        except BaseException:
            del waiting[landed]
            raise
        if task.cancelled():
            if not task.cancelling():
                raise TokenError(CANCELLED_INSIDE)
            raise FlightCancelledError(
                "The token request was cancelled: the client was closed or logged out meanwhile"
            )
        if (error := task.exception()) is not None:
            raise copy_exception(error)
        return task.result()

    def start(self, call: Callable[[], Coroutine[object, object, T]]) -> asyncio.Task[T]:
        """Return the task in flight, or else start one for `call`."""
        return self._join(call)[0]

    def _join(
        self, call: Callable[[], Coroutine[object, object, T]]
    ) -> tuple[asyncio.Task[T], Waiting]:
        loop, current = self._check_loop(), self._current
        if current is not None and not current[0].done() and current[0].get_loop() is loop:
            return current
        context, waiting, known, running = copy_context(), Waiting(), loop.create_future(), call()
        task = loop.create_task(_run_when(known, running), context=context)
        context.run(_FLIGHTS.set, (*_FLIGHTS.get(), task))
        task.add_done_callback(lambda _: running.close())  # if it was cancelled before it began
        task.add_done_callback(lambda task: self._land(task, waiting))
        self._current = task, waiting
        known.set_result(None)  # an eager task has already begun
        return task, waiting

    @property
    def is_running(self) -> bool:
        """Whether a call is in flight that `run` would wait for."""
        current = self._current
        return current is not None and not current[0].done() and self._is_own_loop

    @property
    def is_idle(self) -> bool:
        """Whether `start` would start a call: none is in flight, and no other loop uses this."""
        return self._is_free and not self.is_running

    @property
    def _is_own_loop(self) -> bool:
        return self._loop is asyncio.get_running_loop()

    @property
    def _is_free(self) -> bool:
        # A loop that has stopped will never use this again.
        return self._loop is None or self._is_own_loop or not self._loop.is_running()

    def check_loop(self) -> None:
        """Raise RuntimeError if the last call was made in another event loop that still runs."""
        if not self._is_free:
            raise RuntimeError(
                "The client or token manager is in use in another running event loop, or was "
                "copied by a fork: create one for each event loop"
            )

    def _check_loop(self) -> asyncio.AbstractEventLoop:
        self.check_loop()
        self._loop = asyncio.get_running_loop()
        return self._loop

    def abandon(self) -> None:
        """Let the call in flight finish for its callers; the next caller starts a new one.

        Raises RuntimeError like `check_loop`.
        """
        self.check_loop()
        if self._current is not None:
            self._abandoned += (self._current[0],)
            self._current = None

    def end(self) -> None:
        """Cancel the call in flight and abandoned ones, without waiting for their end."""
        self.abandon()
        loop = asyncio.get_running_loop()
        # A task stays in the set until it is done, so that `close` can wait for it. Tasks of an
        # event loop that has stopped will never be done.
        self._abandoned = tuple(t for t in self._abandoned if t.get_loop() is loop)
        for task in self._abandoned:
            if not task.cancelling():
                task.cancel()

    async def close(self) -> None:
        """Cancel the call in flight and abandoned ones, and wait until they are done.

        Waits at most `CLOSE_TIMEOUT` seconds, for calls that must run to completion. A call that
        waits for the caller of `close` is cancelled but not awaited: both would wait forever.
        """
        self.end()
        tasks = set(self._abandoned).difference(_FLIGHTS.get())
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
            if pending:
                logger.warning(
                    "Closed while %d token requests were still in flight after %g seconds",
                    len(pending),
                    CLOSE_TIMEOUT,
                )

    def _land(self, task: asyncio.Task[T], waiting: Iterable[asyncio.Future[None]]) -> None:
        self._abandoned = tuple(t for t in self._abandoned if t is not task)
        if self._current is not None and self._current[0] is task:
            self._current = None
        if not task.cancelled():
            task.exception()  # marks it as retrieved, in case every caller was cancelled
        for landed in waiting:
            if not landed.done():  # it is done if its caller was cancelled
                landed.set_result(None)


async def _run_when(known: asyncio.Future[None], call: Coroutine[object, object, T]) -> T:
    await known
    return await call


def copy_exception(error: E) -> E:
    """Return a copy of an error with its cause and traceback; the error itself if that fails.

    One object that is raised in many tasks would collect the traceback of each.
    """
    try:
        duplicate = copy.copy(error) if hasattr(error, "__copy__") else _duplicate(error)
    except Exception:  # noqa: BLE001 - a class of the program may refuse in any way
        return error
    duplicate.__cause__ = error.__cause__
    duplicate.__suppress_context__ = error.__suppress_context__
    return duplicate.with_traceback(error.__traceback__)


def copy_without_frames(error: E, depth: int = 3) -> E:
    """Return a copy of an error to keep, without tracebacks, which would keep frames alive.

    Errors in its attributes and its chain of causes are copied likewise, `depth` levels deep.
    """
    duplicate = copy_exception(error)
    if duplicate is not error:
        duplicate.__traceback__ = None
        for name, value in {"__cause__": duplicate.__cause__, **vars(duplicate)}.items():
            if isinstance(value, BaseException):
                kept = copy_without_frames(value, depth - 1) if depth else None
                setattr(duplicate, name, kept)
    return duplicate


def _duplicate(error: E) -> E:
    # Does not call __init__, which may need other arguments or change the message.
    duplicate = error.__class__.__new__(error.__class__, *error.args)
    for kind in error.__class__.__mro__[:-2]:  # without BaseException and object
        for name, member in vars(kind).items():
            # OSError and others keep their values in C fields, which neither args nor vars() hold.
            if isinstance(member, MemberDescriptorType | GetSetDescriptorType):
                with suppress(AttributeError, TypeError, ValueError):
                    value = getattr(error, name)
                    if value is not None:  # OSError treats None unlike an unset field
                        setattr(duplicate, name, value)
    duplicate.args = error.args
    vars(duplicate).update(vars(error))
    return duplicate
