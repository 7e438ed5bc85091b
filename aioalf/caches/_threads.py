"""A thread of its own for blocking work. This module must not know what the work is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class WorkerThread:
    """One thread that does blocking work in the order of the calls, for all event loops.

    The thread starts with the first call, and ends when this object is garbage collected. After a
    fork, the new process gets its own thread.

    The default executor of the event loop is not used: if all its threads wait for work that is
    done here, the program would wait for itself.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._replace_executor()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do the work and return its result.

        A cancelled caller leaves at once. The work is done nevertheless, before any later work.
        """
        return await asyncio.wrap_future(self.start(work))

    def start(self, work: Callable[[], Result]) -> Future[Result]:
        """Do the work without waiting for it.

        If no thread can be started, as at the end of the program, this call does the work itself.
        """
        if os.getpid() != self._pid:
            self._replace_executor()
        result: Future[Result] = Future()
        result.set_running_or_notify_cancel()  # from now on, cancelling a caller has no effect
        try:
            self._executor.submit(_finish, result, work)
        except RuntimeError:
            self._replace_executor()  # its queue holds the work, which must not be done twice
            _finish(result, work)
        return result

    def _replace_executor(self) -> None:
        self._pid = os.getpid()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._name)


def _finish(result: Future[Result], work: Callable[[], Result]) -> None:
    try:
        value = work()
    except BaseException as error:  # noqa: BLE001 - the caller gets it
        result.set_exception(error)
        del result  # otherwise the traceback of the error would keep it, and it keeps the error
    else:
        result.set_result(value)
