"""Work in a thread: it does not block the loop, and the caller waits for its end."""

import asyncio
import threading

import pytest

from aioalf.caches._threads import in_thread


async def test_work_runs_in_another_thread() -> None:
    """The result or the error of the work is passed on."""
    assert await in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


async def test_work_runs_in_the_loop_if_no_thread_is_available() -> None:
    """At the end of a program, after the executor has been shut down, the work is still done."""
    await asyncio.get_running_loop().shutdown_default_executor()
    assert await in_thread(threading.get_ident) == threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_cancellation_is_raised_after_the_work_has_ended(fails: bool) -> None:  # noqa: FBT001 - parametrized
    """A thread cannot be stopped, so even a repeated cancellation waits for its end."""
    began, go_on = threading.Event(), threading.Event()
    ended = False

    def work() -> None:
        nonlocal ended
        began.set()
        go_on.wait()
        ended = True
        if fails:
            raise OSError

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(began.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    was_done = task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (was_done, ended) == (False, True)
