"""Work in a thread: it blocks no loop, and is never left to itself."""

import asyncio
import threading

import pytest

from aioalf.caches._threads import in_thread


async def test_the_result_comes_from_another_thread() -> None:
    """And so does an error."""
    assert await in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


async def test_work_is_done_also_where_no_thread_is_left() -> None:
    """At a program's end the threads go first; then it blocks the loop, better than not at all."""
    await asyncio.get_running_loop().shutdown_default_executor()
    assert await in_thread(threading.get_ident) == threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_is_cancelled_is_so_when_the_work_has_ended(fails: bool) -> None:  # noqa: FBT001
    """However often it is asked to end, it waits for what cannot be stopped."""
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
