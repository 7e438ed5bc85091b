"""Work in a thread of its own: in order, to its end, and without blocking the loop."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aioalf.caches._threads import WorkerThread


class Gate:
    """Work that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        """Wait."""
        self.began.set()
        assert self.go_on.wait(10)


@pytest.fixture
def thread() -> WorkerThread:
    """A thread that has no work yet."""
    return WorkerThread("of-a-test")


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Work that ends with the test at the latest."""
    gate = Gate()
    yield gate
    gate.go_on.set()


async def test_work_runs_in_one_other_thread(thread: WorkerThread) -> None:
    """The result or the error of the work is passed on."""
    idents = {await thread.run(threading.get_ident) for _ in range(3)}
    assert len(idents - {threading.get_ident()}) == 1
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)


async def test_work_is_done_in_the_order_of_the_calls(thread: WorkerThread, gate: Gate) -> None:
    """Later work waits for earlier work, also for work without a waiting caller."""
    done: list[int] = []
    thread.start(gate)
    for number in range(3):
        thread.start(lambda number=number: done.append(number))  # type: ignore[misc]
    last = asyncio.create_task(thread.run(lambda: done.append(3)))
    await asyncio.to_thread(gate.began.wait)
    assert done == []
    gate.go_on.set()
    await last
    assert done == [0, 1, 2, 3]


async def test_busy_default_executor_does_not_delay_the_work(thread: WorkerThread) -> None:
    """Threads of the program may wait for the result of the work: nothing waits for itself."""
    loop = asyncio.get_running_loop()

    def use_from_thread() -> int:
        return asyncio.run_coroutine_threadsafe(thread.run(lambda: 1), loop).result(10)

    many = 2 * (os.cpu_count() or 1) + 40  # more than the threads of the default executor
    async with asyncio.timeout(10):
        results = await asyncio.gather(*(asyncio.to_thread(use_from_thread) for _ in range(many)))
    assert results == [1] * many


async def test_cancelled_caller_leaves_at_once_and_the_work_is_done(
    thread: WorkerThread, gate: Gate
) -> None:
    """One cancellation is enough, even if the work has not begun; later work comes later."""
    done: list[str] = []
    callers = [asyncio.create_task(thread.run(gate))]
    await asyncio.to_thread(gate.began.wait)
    callers.append(asyncio.create_task(thread.run(lambda: done.append("first"))))
    await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers, timeout=5)
    assert [caller.cancelled() for caller in callers] == [True, True]
    assert done == []
    last = asyncio.create_task(thread.run(lambda: done.append("second")))
    gate.go_on.set()
    await last
    assert done == ["first", "second"]


def test_work_may_outlast_its_event_loop(
    thread: WorkerThread, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """The next event loop waits for its end, and nothing is logged."""
    done: list[str] = []

    def work() -> None:
        gate()
        done.append("first")
        raise OSError("nobody gets this")

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(thread.run(work), 0.01))
    gate.go_on.set()
    asyncio.run(thread.run(lambda: done.append("second")))
    assert done == ["first", "second"]
    assert not caplog.records


async def test_work_without_a_thread_is_done_once_in_the_loop(
    thread: WorkerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the system starts no thread, the caller does the work; later, a thread is used again."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    idents: list[int] = []
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        await thread.run(lambda: idents.append(threading.get_ident()))
        with pytest.raises(ZeroDivisionError):
            await thread.run(lambda: 1 // 0)
    await thread.run(lambda: idents.append(threading.get_ident()))
    assert [ident == threading.get_ident() for ident in idents] == [True, False]


def test_last_work_of_a_program_is_done(tmp_path: Path) -> None:
    """While the interpreter shuts down, no thread can be started, and the work is done inline."""
    program = f"""
import asyncio, atexit, pathlib
from aioalf.caches._threads import WorkerThread
thread = WorkerThread("last")
asyncio.run(thread.run(lambda: None))
work = lambda: pathlib.Path({str(tmp_path / "done")!r}).touch()
atexit.register(lambda: asyncio.run(thread.run(work)))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=30)
    assert (tmp_path / "done").exists()


async def test_forked_process_gets_its_own_thread(
    thread: WorkerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork copies no threads, so the thread of the parent process would never do the work."""
    ident = await thread.run(threading.get_ident)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert await thread.run(threading.get_ident) != ident


async def test_thread_ends_when_its_object_is_collected() -> None:
    """The thread ends by itself, after its work."""
    thread = WorkerThread("of-a-test")
    worker = await thread.run(threading.current_thread)
    assert worker.is_alive()
    del thread
    gc.collect()
    await asyncio.to_thread(worker.join, 10)
    assert not worker.is_alive()
