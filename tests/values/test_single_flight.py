"""One running call for many callers, whoever of them leaves."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from aioalf._single_flight import FlightCancelledError, SingleFlight


class Calls:
    """Calls that wait to be let go, and are counted."""

    def __init__(self) -> None:
        self.count = 0
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.error: BaseException | None = None

    async def __call__(self) -> int:
        """The number of this call, or the error that was set."""
        self.count += 1
        number = self.count
        self.started.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return number


@pytest.fixture
async def calls() -> Calls:
    """Calls of this loop."""
    return Calls()


@pytest.fixture
def flight() -> SingleFlight[int]:
    """One that nobody has used."""
    return SingleFlight()


async def callers(flight: SingleFlight[int], calls: Calls, count: int) -> list[asyncio.Task[int]]:
    """So many tasks that wait for the same call, which has started."""
    tasks = [asyncio.create_task(flight.run(calls)) for _ in range(count)]
    await calls.started.wait()
    await turn()
    return tasks


async def turn() -> None:
    """Let everything that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def failure_of(call: Awaitable[object]) -> Exception:
    """The exception that a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks at it
        await call
    return caught.value


@pytest.mark.rule("R070")
async def test_many_callers_make_one_call(flight: SingleFlight[int], calls: Calls) -> None:
    """Whoever asks while a call is running gets its result."""
    tasks = await callers(flight, calls, 1000)
    calls.go.set()
    assert set(await asyncio.gather(*tasks)) == {1}
    assert calls.count == 1


async def test_after_a_landing_the_next_caller_starts_anew(
    flight: SingleFlight[int], calls: Calls
) -> None:
    """A result is shared by those who waited, and kept for nobody."""
    calls.go.set()
    assert [await flight.run(calls), await flight.run(calls)] == [1, 2]


@pytest.mark.rule("R071")
@pytest.mark.parametrize("leaving", [[0], [1], [0, 1], [0, 2], [0, 1, 2]])
async def test_a_cancelled_caller_takes_nobody_with_it(
    flight: SingleFlight[int], calls: Calls, leaving: list[int]
) -> None:
    """First, later or all but one: those who stay get the result, and the call is made once."""
    tasks = await callers(flight, calls, 4)
    for index in leaving:
        tasks[index].cancel()
    await turn()
    calls.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for index, result in enumerate(results):
        assert isinstance(result, asyncio.CancelledError) if index in leaving else result == 1
    assert calls.count == 1


@pytest.mark.rule("R071")
async def test_a_call_goes_on_when_every_caller_has_left(
    flight: SingleFlight[int], calls: Calls
) -> None:
    """What was begun is finished, and the next caller joins it."""
    for task in (tasks := await callers(flight, calls, 2)):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    late = asyncio.create_task(flight.run(calls))
    await turn()
    calls.go.set()
    assert await late == 1


@pytest.mark.rule("R071")
async def test_a_failure_that_nobody_waits_for_is_quiet(
    flight: SingleFlight[int], calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    """No "exception was never retrieved" is logged when all have left."""
    (task,) = await callers(flight, calls, 1)
    task.cancel()
    calls.error = ValueError("late")
    calls.go.set()
    await turn()
    assert isinstance(await failure_of(run_with(flight, calls)), ValueError)
    assert not caplog.records


async def run_with(flight: SingleFlight[int], call: Calls) -> int:
    """Run, as a coroutine of its own."""
    return await flight.run(call)


@pytest.mark.rule("R071")
async def test_the_timeout_of_one_caller_is_its_own(
    flight: SingleFlight[int], calls: Calls
) -> None:
    """An impatient caller gets its TimeoutError, a patient one the result."""
    (patient,) = await callers(flight, calls, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await flight.run(calls)
    calls.go.set()
    assert await patient == 1


@pytest.mark.rule("R072")
async def test_a_failure_is_shared_by_those_who_wait(
    flight: SingleFlight[int], calls: Calls
) -> None:
    """One call fails for all, and the next caller tries again."""
    tasks = await callers(flight, calls, 100)
    calls.error = ValueError("no")
    calls.go.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert {(type(error), str(error)) for error in errors} == {(ValueError, "no")}
    assert calls.count == 1
    calls.error = None
    assert await flight.run(calls) == 2


def depth(error: BaseException) -> int:
    """How many frames a traceback has."""
    frames, traceback = 0, error.__traceback__
    while traceback is not None:
        frames, traceback = frames + 1, traceback.tb_next
    return frames


@pytest.mark.rule("R072")
async def test_each_waiter_raises_a_copy_of_its_own(
    flight: SingleFlight[int], calls: Calls
) -> None:
    """No two share an object, so that no traceback grows with the number of waiters."""
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
    """One that cannot be copied: its class wants what `args` do not hold."""

    def __init__(self, *, code: int) -> None:
        super().__init__("stubborn")
        self.code = code


async def test_an_error_of_any_making_is_copied_as_it_is(
    flight: SingleFlight[int], calls: Calls
) -> None:
    """A user's error class may want other arguments, and its message is made once."""
    calls.error = StubbornError(code=5)
    calls.go.set()
    error = await failure_of(flight.run(calls))
    assert error is not calls.error
    assert isinstance(error, StubbornError)
    assert (str(error), vars(error)) == (str(calls.error), vars(calls.error))


@pytest.mark.rule("R083")
async def test_an_abandoned_call_serves_those_who_wait_for_it(
    flight: SingleFlight[int], calls: Calls
) -> None:
    """Who waited gets its result; who comes after starts a call of its own."""
    (early,) = await callers(flight, calls, 1)
    flight.abandon()
    flight.abandon()
    late = asyncio.create_task(flight.run(calls))
    await turn()
    calls.go.set()
    assert [await early, await late] == [1, 2]


@pytest.mark.rule("R077", "R083")
async def test_a_landing_of_an_abandoned_call_is_its_own_alone(flight: SingleFlight[int]) -> None:
    """The other one that was abandoned is ended by `close`, and the running one is joined."""
    one, other, running = Calls(), Calls(), Calls()
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
    await turn()
    assert [type(task.done() and task.exception()) for task in (second, *third)] == [
        FlightCancelledError
    ] * 3


async def test_nobody_is_remembered_who_has_left(flight: SingleFlight[int], calls: Calls) -> None:
    """A person who logs in may take minutes, while callers come and lose patience."""
    tasks = await callers(flight, calls, 100)
    for task in tasks[1:]:
        task.cancel()
    await turn()
    assert len(flight._waiting) == 1  # noqa: SLF001 - nothing else shows it
    calls.go.set()
    assert await tasks[0] == 1


@pytest.mark.parametrize("leave", ["abandon", "end"])
async def test_nobody_is_remembered_who_waited_for_what_was_left(
    flight: SingleFlight[int], calls: Calls, leave: str
) -> None:
    """However many they were."""
    tasks = await callers(flight, calls, 100)
    getattr(flight, leave)()
    calls.go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not flight._waiting  # noqa: SLF001 - nothing else shows it


@pytest.mark.rule("R077")
async def test_close_ends_what_is_running_and_waits_for_it(
    flight: SingleFlight[int], calls: Calls
) -> None:
    """Abandoned calls too; those who waited are told, and are not themselves cancelled."""
    first = await callers(flight, calls, 2)
    flight.abandon()
    second = [asyncio.create_task(flight.run(calls)) for _ in range(2)]
    await turn()
    await flight.close()
    results = await asyncio.gather(*first, *second, return_exceptions=True)
    assert {type(result) for result in results} == {FlightCancelledError}
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.rule("R077")
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_second_close_waits_as_the_first_one_does(
    flight: SingleFlight[int], *, is_cancelled: bool
) -> None:
    """Both return when what was running has ended, its cleaning up undisturbed."""
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
    await turn()
    if is_cancelled:
        first.cancel()
    second = asyncio.create_task(flight.close())
    await turn()
    assert not second.done()
    go.set()
    await second
    assert cleaned.is_set()
    await asyncio.gather(first, caller, return_exceptions=True)


@pytest.mark.rule("R077")
async def test_close_with_nothing_running_is_nothing(flight: SingleFlight[int]) -> None:
    """It may be called at any time, and twice."""
    await flight.close()
    await flight.close()


def in_loops(*jobs: Callable[[], Awaitable[int]]) -> list[int]:
    """What these return, each in an event loop of its own, one after another."""

    async def await_(job: Callable[[], Awaitable[int]]) -> int:
        return await job()

    return [asyncio.run(await_(job)) for job in jobs]


async def immediately() -> int:
    """A call that is done at once."""
    return 1


@pytest.mark.rule("R078")
def test_one_loop_after_another(flight: SingleFlight[int]) -> None:
    """Nothing of the first loop is missed in the second."""
    assert in_loops(*[lambda: flight.run(immediately)] * 2) == [1, 1]


@pytest.mark.rule("R078")
def test_a_call_whose_loop_has_stopped_is_not_waited_for(flight: SingleFlight[int]) -> None:
    """Nobody will ever finish it: the next loop starts one of its own, and may close it all."""
    first = asyncio.new_event_loop()
    task = first.create_task(flight.run(asyncio.Event().wait))
    first.run_until_complete(turn())

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
def test_close_leaves_alone_what_another_loop_began(flight: SingleFlight[int]) -> None:
    """A loop cannot wait for another's task."""
    first = asyncio.new_event_loop()
    task = first.create_task(flight.run(asyncio.Event().wait))
    first.run_until_complete(turn())
    asyncio.run(flight.close())
    assert not task.done()
    first.run_until_complete(cancel_all())
    first.close()


async def cancel_all() -> None:
    """End every other task of this loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.mark.rule("R078")
async def test_two_loops_at_once_are_an_error(flight: SingleFlight[int], calls: Calls) -> None:
    """It says what to do, and the call that is running is not disturbed."""
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
    assert errors == [
        "used from two event loops at once: make one for each, or use one loop after the other"
    ]
