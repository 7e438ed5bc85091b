"""Calls that run to completion although their caller is cancelled, and how long closing waits.

Must not know what a call does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, TypeVar

T = TypeVar("T")

CLOSE_TIMEOUT: Final = 30.0
"""The seconds that closing and logout wait for calls that must run to completion."""


class MustFinish:
    """Calls that run to completion even if their callers are cancelled; `wait` waits for them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, call: Coroutine[object, object, T]) -> T:
        task = _detach(call)
        self._tasks = {*self._running, task}  # without tasks of event loops that were stopped
        task.add_done_callback(lambda _: self._tasks.discard(task))  # its result may be a token
        return await _to_completion(task)

    @property
    def _running(self) -> list[asyncio.Task[Any]]:
        loop = asyncio.get_running_loop()
        return [task for task in self._tasks if task.get_loop() is loop]

    @property
    def is_idle(self) -> bool:
        return not self._running

    async def wait(self) -> None:
        """Wait until the calls that run now are done, at most `CLOSE_TIMEOUT` seconds."""
        tasks = self._running
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)


def is_being_cancelled() -> bool:
    """Return whether the running task itself was cancelled.

    If not, a CancelledError comes from something that the task awaited, and is a failure like any
    other.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def run_to_completion(call: Coroutine[object, object, T]) -> T:
    """Run `call` to completion even if the caller is cancelled, then re-raise the cancellation.

    The caller can hold a lock around it: the lock is not released before the call is done.
    """
    return await _to_completion(_detach(call))


def _detach(call: Coroutine[object, object, T]) -> asyncio.Task[T]:
    """Return a task that `asyncio.run` does not cancel when it ends; it waits for the caller."""
    task = asyncio.get_running_loop().create_task(call)
    asyncio.tasks._unregister_task(task)
    return task


async def _to_completion(task: asyncio.Task[T]) -> T:
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            with _shield_of_anyio() if cancelled else nullcontext():
                await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # retrieved, since nothing else looks at it
        raise cancelled
    return task.result()


def _shield_of_anyio() -> AbstractContextManager[object]:
    # A cancelled scope of anyio cancels its tasks again at each turn of the event loop, which would
    # keep the processor busy until the call is done. Its own shield prevents that.
    anyio = sys.modules.get("anyio")
    return nullcontext() if anyio is None else anyio.CancelScope(shield=True)
