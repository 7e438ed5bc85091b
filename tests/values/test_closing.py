"""Tests of calls that run to completion although their caller is cancelled."""

import asyncio
import gc
import weakref

import anyio
import pytest

from aioalf._closing import MustFinish, run_to_completion
from aioalf.token import Token


@pytest.mark.rule("R044")
async def test_calls_that_must_finish_can_be_awaited() -> None:
    """Also after their callers were cancelled; calls of an event loop that has ended are not."""
    must_finish, go_on = MustFinish(), asyncio.Event()
    caller = asyncio.create_task(must_finish.run(_wait(go_on)))
    await asyncio.sleep(0)
    caller.cancel()
    waiting = asyncio.create_task(must_finish.wait())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    go_on.set()
    await waiting
    await asyncio.wait({caller})
    assert caller.cancelled()
    await must_finish.wait()


@pytest.mark.rule("R044")
async def test_call_in_a_cancelled_anyio_scope_is_completed_without_a_busy_loop() -> None:
    """Anyio cancels the task again at each turn of the event loop."""
    waiting = asyncio.current_task()
    assert waiting is not None
    cancellations: list[int] = []

    async def work() -> None:
        await asyncio.sleep(0.1)
        cancellations.append(waiting.cancelling())

    with anyio.CancelScope() as scope:
        scope.cancel()
        await run_to_completion(work())
    assert scope.cancelled_caught
    assert len(cancellations) == 1
    assert cancellations[0] < 5


async def test_caller_is_cancelled_even_if_the_call_cancels_itself() -> None:
    """A function of a user may raise CancelledError; nothing is logged about the call."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def cancel_itself() -> None:
        begun.set()
        await go_on.wait()
        raise asyncio.CancelledError

    caller = asyncio.create_task(run_to_completion(cancel_itself()))
    await begun.wait()
    caller.cancel()
    go_on.set()
    await asyncio.wait({caller})
    assert caller.cancelled()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def test_result_of_a_call_is_not_kept() -> None:
    """It may be a token, which a logout must forget."""
    must_finish = MustFinish()

    async def call() -> Token:
        return Token("secret")

    async def run() -> bool:
        result = weakref.ref(await must_finish.run(call()))
        await asyncio.sleep(0)
        gc.collect()
        return result() is None

    assert asyncio.run(run())


def test_calls_of_a_stopped_event_loop_do_not_count() -> None:
    """Nobody knows whether they will ever end."""
    must_finish = MustFinish()
    left: list[asyncio.Task[None]] = []

    async def start() -> asyncio.Event:
        end = asyncio.Event()
        left.append(asyncio.create_task(must_finish.run(_wait(end))))
        await asyncio.sleep(0)
        assert not must_finish.is_idle
        return end

    async def run() -> bool:
        await must_finish.run(asyncio.sleep(0))
        return must_finish.is_idle

    async def finish(end: asyncio.Event) -> None:
        end.set()
        await left[0]

    with asyncio.Runner() as stopped, asyncio.Runner() as running:
        end = stopped.run(start())
        assert running.run(run())
        stopped.run(finish(end))
