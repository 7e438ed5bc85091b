"""Tests of `SingleFlight`: one running call for many callers, of whom some are cancelled."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from aioalf import _single_flight
from aioalf._closing import run_to_completion
from aioalf._single_flight import FlightCancelledError, SingleFlight
from aioalf.errors import TokenError


class BlockedCall:
    """A function to run: it counts its calls, each of which waits for `go`."""

    def __init__(self) -> None:
        self.count = 0
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.error: BaseException | None = None

    async def __call__(self) -> int:
        """Return the number of this call, or raise the error that was set."""
        self.count += 1
        number = self.count
        self.started.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return number


@pytest.fixture
async def calls() -> BlockedCall:
    """A call of the running event loop."""
    return BlockedCall()


@pytest.fixture
def flight() -> SingleFlight[int]:
    """A flight without a running call."""
    return SingleFlight()


async def callers(
    flight: SingleFlight[int], calls: BlockedCall, count: int
) -> list[asyncio.Task[int]]:
    """Start `count` tasks that wait for the same call; return them when it has started."""
    tasks = [asyncio.create_task(flight.run(calls)) for _ in range(count)]
    await calls.started.wait()
    await run_ready_tasks()
    return tasks


async def run_ready_tasks() -> None:
    """Let all tasks run that are ready."""
    for _ in range(5):
        await asyncio.sleep(0)


async def failure_of(call: Awaitable[object]) -> Exception:
    """Return the error that a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller checks it
        await call
    return caught.value


@pytest.mark.rule("R070")
async def test_concurrent_callers_share_one_call(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """Callers that come while a call is running get its result."""
    tasks = await callers(flight, calls, 1000)
    calls.go.set()
    assert set(await asyncio.gather(*tasks)) == {1}
    assert calls.count == 1


async def test_finished_call_is_not_reused(flight: SingleFlight[int], calls: BlockedCall) -> None:
    """The next caller starts a new call."""
    calls.go.set()
    assert [await flight.run(calls), await flight.run(calls)] == [1, 2]


@pytest.mark.rule("R071")
@pytest.mark.parametrize("leaving", [[0], [1], [0, 1], [0, 2], [0, 1, 2]])
async def test_cancelled_callers_do_not_cancel_the_call(
    flight: SingleFlight[int], calls: BlockedCall, leaving: list[int]
) -> None:
    """The remaining callers get the result, whichever callers are cancelled."""
    tasks = await callers(flight, calls, 4)
    for index in leaving:
        tasks[index].cancel()
    await run_ready_tasks()
    calls.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for index, result in enumerate(results):
        assert isinstance(result, asyncio.CancelledError) if index in leaving else result == 1
    assert calls.count == 1


@pytest.mark.rule("R071")
async def test_call_continues_without_callers(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """It runs to completion, and the next caller joins it."""
    for task in (tasks := await callers(flight, calls, 2)):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    late = asyncio.create_task(flight.run(calls))
    await run_ready_tasks()
    calls.go.set()
    assert await late == 1


@pytest.mark.rule("R071")
async def test_failure_without_callers_is_not_logged(
    flight: SingleFlight[int], calls: BlockedCall, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even asyncio logs that an exception was never retrieved."""
    (task,) = await callers(flight, calls, 1)
    task.cancel()
    calls.error = ValueError("late")
    calls.go.set()
    await run_ready_tasks()
    assert isinstance(await failure_of(run_with(flight, calls)), ValueError)
    assert not caplog.records


async def run_with(flight: SingleFlight[int], call: BlockedCall) -> int:
    """Run a call; a coroutine that can be passed to another event loop."""
    return await flight.run(call)


@pytest.mark.rule("R071")
async def test_timeout_of_one_caller_does_not_affect_others(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """One caller gets its TimeoutError, the other one the result."""
    (patient,) = await callers(flight, calls, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await flight.run(calls)
    calls.go.set()
    assert await patient == 1


@pytest.mark.rule("R072")
async def test_failure_is_shared_by_waiting_callers(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """One call fails for all of them, and the next caller starts a new call."""
    tasks = await callers(flight, calls, 100)
    calls.error = ValueError("no")
    calls.go.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert {(type(error), str(error)) for error in errors} == {(ValueError, "no")}
    assert calls.count == 1
    calls.error = None
    assert await flight.run(calls) == 2


def depth(error: BaseException) -> int:
    """Return the number of frames of a traceback."""
    frames, traceback = 0, error.__traceback__
    while traceback is not None:
        frames, traceback = frames + 1, traceback.tb_next
    return frames


@pytest.mark.rule("R072")
async def test_each_caller_raises_its_own_copy_of_the_error(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """No traceback grows with the number of callers."""
    cause = OSError("cause")
    calls.error = ValueError("no")
    calls.error.__cause__ = cause
    tasks = await callers(flight, calls, 50)
    calls.go.set()
    errors = [await failure_of(task) for task in tasks]
    assert len({id(error) for error in errors}) == 50
    assert len({depth(error) for error in errors}) == 1
    assert all(error.__cause__ is cause and error.__suppress_context__ for error in errors)
    assert all(error.__traceback__ is not None for error in errors)


class StubbornError(Exception):
    """An error that `copy.copy` cannot copy: its class needs an argument that `args` lacks."""

    def __init__(self, *, code: int) -> None:
        super().__init__("stubborn")
        self.code = code


async def test_error_with_required_arguments_is_copied(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """The class of a user's error may take any arguments, and its message is not computed again."""
    calls.error = StubbornError(code=5)
    calls.go.set()
    error = await failure_of(flight.run(calls))
    assert error is not calls.error
    assert isinstance(error, StubbornError)
    assert (str(error), vars(error)) == (str(calls.error), vars(calls.error))


@pytest.mark.rule("R083")
async def test_abandoned_call_finishes_for_its_callers(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """Its callers get its result; the next caller starts a new call."""
    (early,) = await callers(flight, calls, 1)
    flight.abandon()
    flight.abandon()
    late = asyncio.create_task(flight.run(calls))
    await run_ready_tasks()
    calls.go.set()
    assert [await early, await late] == [1, 2]


@pytest.mark.rule("R071")
async def test_cancellation_inside_a_call_is_not_reported_as_closing(
    flight: SingleFlight[int],
) -> None:
    """The call was not cancelled from outside: callers get a TokenError that says so."""

    async def call() -> int:
        raise asyncio.CancelledError

    with pytest.raises(TokenError, match=r"a function, a cache .* raised CancelledError") as caught:
        await flight.run(call)
    assert not isinstance(caught.value, FlightCancelledError)


@pytest.mark.rule("R077", "R083")
async def test_abandoned_calls_finish_independently(flight: SingleFlight[int]) -> None:
    """The call in flight is still joined, and `close` cancels the others that are abandoned."""
    one, other, running = BlockedCall(), BlockedCall(), BlockedCall()
    (first,) = await callers(flight, one, 1)
    flight.abandon()
    (second,) = await callers(flight, other, 1)
    flight.abandon()
    third = await callers(flight, running, 1)
    one.go.set()
    assert await first == 1
    third += await callers(flight, running, 1)
    assert running.count == 1
    await flight.close()
    await run_ready_tasks()
    assert [type(task.done() and task.exception()) for task in (second, *third)] == [
        FlightCancelledError
    ] * 3


async def test_cancelled_callers_are_not_kept_in_memory(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """A sign-in may take minutes, while many callers come and time out."""
    tasks = await callers(flight, calls, 100)
    for task in tasks[1:]:
        task.cancel()
    await run_ready_tasks()
    current = flight._current  # noqa: SLF001 - memory use has no public sign
    assert current is not None
    assert len(current[1]) == 1
    calls.go.set()
    assert await tasks[0] == 1


@pytest.mark.parametrize("leave", ["abandon", "end"])
async def test_callers_of_an_abandoned_call_are_not_kept_in_memory(
    flight: SingleFlight[int], calls: BlockedCall, leave: str
) -> None:
    """Their futures are released when the call has finished."""
    tasks = await callers(flight, calls, 100)
    getattr(flight, leave)()
    calls.go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert flight._current is None  # noqa: SLF001 - memory use has no public sign


@pytest.mark.rule("R077")
async def test_close_cancels_all_calls_and_waits_for_them(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """Waiting callers, also of abandoned calls, get an error and are not cancelled themselves."""
    first = await callers(flight, calls, 2)
    flight.abandon()
    second = [asyncio.create_task(flight.run(calls)) for _ in range(2)]
    await run_ready_tasks()
    await flight.close()
    results = await asyncio.gather(*first, *second, return_exceptions=True)
    assert {type(result) for result in results} == {FlightCancelledError}
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.rule("R077")
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_concurrent_close_waits_too(flight: SingleFlight[int], *, is_cancelled: bool) -> None:
    """Both return when the call has finished; its clean-up is not interrupted."""
    started, go, cleaned = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def call() -> int:
        started.set()
        try:
            return int(await asyncio.Event().wait())
        finally:
            await go.wait()
            cleaned.set()

    caller = asyncio.create_task(flight.run(call))
    await started.wait()
    first = asyncio.create_task(flight.close())
    await run_ready_tasks()
    if is_cancelled:
        first.cancel()
    second = asyncio.create_task(flight.close())
    await run_ready_tasks()
    assert not second.done()
    go.set()
    await second
    assert cleaned.is_set()
    await asyncio.gather(first, caller, return_exceptions=True)


@pytest.mark.rule("R077")
async def test_close_without_a_running_call_does_nothing(flight: SingleFlight[int]) -> None:
    """It may be called at any time, and twice."""
    await flight.close()
    await flight.close()


def in_loops(*jobs: Callable[[], Awaitable[int]]) -> list[int]:
    """Run each job in its own event loop, one after the other, and return the results."""

    async def await_(job: Callable[[], Awaitable[int]]) -> int:
        return await job()

    return [asyncio.run(await_(job)) for job in jobs]


async def immediately() -> int:
    """Return at once."""
    return 1


@pytest.mark.rule("R078")
def test_flight_can_be_used_in_one_event_loop_after_another(flight: SingleFlight[int]) -> None:
    """The second event loop needs nothing of the first one."""
    assert in_loops(*[lambda: flight.run(immediately)] * 2) == [1, 1]


@pytest.mark.rule("R078")
def test_call_of_a_stopped_event_loop_is_ignored(flight: SingleFlight[int]) -> None:
    """It will never finish: the next event loop starts a new call and can close the flight."""
    first = asyncio.new_event_loop()
    task = first.create_task(flight.run(asyncio.Event().wait))
    first.run_until_complete(run_ready_tasks())

    async def run_and_close() -> int:
        result = await flight.run(immediately)
        flight.abandon()
        await flight.close()
        return result

    assert in_loops(run_and_close) == [1]
    task.cancel()
    first.run_until_complete(cancel_all())
    first.close()


@pytest.mark.rule("R078")
def test_close_does_not_cancel_calls_of_another_event_loop(flight: SingleFlight[int]) -> None:
    """An event loop cannot wait for a task of another one."""
    first = asyncio.new_event_loop()
    task = first.create_task(flight.run(asyncio.Event().wait))
    first.run_until_complete(run_ready_tasks())
    asyncio.run(flight.close())
    assert not task.done()
    first.run_until_complete(cancel_all())
    first.close()


async def cancel_all() -> None:
    """Cancel every other task of this event loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.mark.rule("R078")
async def test_use_from_two_running_event_loops_is_an_error(
    flight: SingleFlight[int], calls: BlockedCall
) -> None:
    """The error says what to do, and the running call is not disturbed."""
    (task,) = await callers(flight, calls, 1)
    errors: list[str] = []

    def other() -> None:
        try:
            asyncio.run(run_with(flight, calls))
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    await asyncio.to_thread(thread.join, 10)
    calls.go.set()
    assert await task == 1
    (error,) = errors
    assert error == (
        "The client or token manager is in use in another running event loop, or was copied by a "
        "fork: create one for each event loop"
    )


@pytest.mark.rule("R077")
async def test_close_does_not_wait_forever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A call that does not end is left behind with a warning."""
    monkeypatch.setattr(_single_flight, "CLOSE_TIMEOUT", 0.05)
    flight, go_on = SingleFlight[None](), asyncio.Event()

    async def stubborn() -> None:
        await run_to_completion(_wait(go_on))

    task = flight.start(stubborn)
    await asyncio.sleep(0)
    await flight.close()
    assert "Closed while 1 token requests were still in flight" in caplog.text
    go_on.set()
    await asyncio.wait({task})


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_function_that_a_call_waits_for_cannot_wait_for_the_call() -> None:
    """It gets an error at once, even if it runs in another task, and it can close the flight."""
    flight = SingleFlight[str]()

    async def recursive() -> str:
        with pytest.raises(TokenError, match="would wait for itself forever"):
            await asyncio.create_task(flight.run(recursive))
        async with asyncio.timeout(1):
            await flight.close()
        await asyncio.sleep(0)
        return "never"

    with pytest.raises(FlightCancelledError):
        await flight.run(recursive)


async def test_call_cannot_wait_for_itself_in_an_eager_task(flight: SingleFlight[int]) -> None:
    """Eager tasks, new in Python 3.12, would start the call before it is known."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory", None))

    async def call_itself() -> int:
        return await flight.run(call_itself)

    with pytest.raises(TokenError, match="wait for itself forever"):
        await flight.run(call_itself)
    loop.set_task_factory(None)
