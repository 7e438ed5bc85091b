"""The short form of `make fuzz`: some inputs for each target, and all that are kept."""

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.__main__ import Fuzzing
from fuzz.corpus import kept
from fuzz.targets import TARGETS, Target, run_watched
from fuzz.watchdog import HangError, limited

KEPT = [(name, file, value) for name in TARGETS for file, value in kept(name)]


def some_of(target: Target, count: int) -> None:
    """Hold a target to its promise for so many inputs."""

    @settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(target.inputs)
    def check(value: object) -> None:
        target.check(value)

    check()


@pytest.mark.rule("R007", "R031", "R063")
def test_any_answer_of_the_token_endpoint_is_a_token_or_an_error() -> None:
    """Status, fields and body together, however they arrive, read by either parser of aiohttp."""
    some_of(TARGETS["token_response"], 60)


@pytest.mark.rule("R062")
def test_any_answer_of_the_token_endpoint_leaves_a_client_whole() -> None:
    """A response or a TokenError comes out, and the API sees no request without a token."""
    some_of(TARGETS["client"], 30)


@pytest.mark.rule("R056", "R059")
def test_any_challenge_leaves_a_call_with_its_401() -> None:
    """One more try at most, and no harm from what the field says."""
    some_of(TARGETS["challenge"], 40)


@pytest.mark.rule("R106", "R116", "R117")
def test_any_request_to_the_listener_leaves_the_login_waiting() -> None:
    """It is answered plainly or not at all, and the right redirect still completes the login."""
    some_of(TARGETS["redirect"], 40)


@pytest.mark.rule("R033")
def test_any_retry_after_is_a_time_or_none() -> None:
    """Seconds, dates and nonsense alike."""
    some_of(TARGETS["retry_after"], 100)


def test_any_order_of_events_keeps_the_promises() -> None:
    """Other seeds than those that are always played."""
    some_of(TARGETS["interleaving"], 20)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, _, value in KEPT],
    ids=[f"{name}-{file.stem}" for name, file, _ in KEPT],
)
def test_what_once_broke_a_promise_does_so_no_more(name: str, value: Any) -> None:
    """Each input of the corpus, which nobody has to find again."""
    TARGETS[name].check(value)


def test_the_corpus_holds_inputs_of_targets_only() -> None:
    """A file in the wrong place would be read by nobody."""
    corpus = Path(__file__).resolve().parent.parent / "fuzz" / "corpus"
    assert {file.parent.name for file in corpus.rglob("*.txt")} <= TARGETS.keys()
    assert len([*corpus.rglob("*.txt")]) == len(KEPT)


# What hangs


def wait(value: int) -> None:
    """Await what nothing brings."""

    async def wait_for_ever(_: int) -> None:
        await asyncio.Event().wait()

    run_watched(wait_for_ever, value)


def spin(_: int) -> None:
    """Await nothing, and take what interrupts it for something else."""
    try:
        while True:
            pass
    except AssertionError:
        return


no_alarms = pytest.mark.skipif(sys.platform == "win32", reason="there are no alarms on Windows")


@pytest.mark.parametrize("hang", [wait, pytest.param(spin, marks=no_alarms)])
def test_an_input_that_hangs_is_a_failure(
    hang: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And it is named: no run ends for ever with an input that nobody knows."""
    for name in ("fuzz.targets.MAX_SECONDS", "fuzz.__main__.MAX_SECONDS"):
        monkeypatch.setattr(name, 0.1)
    monkeypatch.setattr("fuzz.__main__.FAILURES", tmp_path)
    fuzzing = Fuzzing(Target("hanging", st.just(7), hang))
    hook = sys.unraisablehook
    fuzzing.batch(time.monotonic() + 60)
    assert sys.unraisablehook is hook  # pytest has one of its own
    assert fuzzing.failures == 1
    (named,) = tmp_path.iterdir()
    assert named.read_text(encoding="utf-8") == "7\n"


@no_alarms
def test_a_limit_leaves_an_alarm_of_before_as_it_was() -> None:
    """As pytest's own limit is one."""
    with limited(30):
        with pytest.raises(HangError, match=r"within 0\.01 seconds"), limited(0.01):
            time.sleep(30)
        if sys.platform != "win32":
            left, _ = signal.getitimer(signal.ITIMER_REAL)
            assert 20 < left <= 30


async def leave_an_error(_: int) -> None:
    """Let a task fail in a circle, so that only a collection finds that nobody looked at it."""

    async def fail() -> None:
        raise RuntimeError("nobody looks")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    circle: list[object] = [task]
    circle.append(circle)
    for _ in range(2):
        gc.collect(1)  # it is old by then


def test_an_error_that_nobody_looked_at_is_a_failure() -> None:
    """However long the objects around it have lived."""
    with pytest.raises(AssertionError, match="never retrieved"):
        run_watched(leave_an_error, 0)
