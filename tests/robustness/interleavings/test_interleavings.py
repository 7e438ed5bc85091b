"""The promises of token managers and clients hold in whatever order things happen.

The package docstring explains the parts. To replay a seed that failed, and to see its events:

    AIOALF_SEED=1234 pytest tests/robustness/interleavings

`AIOALF_SEEDS=100000` plays more seeds than the 2000 of a normal run; `make fuzz ARGS=interleaving`
plays random ones.
"""

import gc
import os
import shlex
import sys
import time
import traceback
from collections.abc import Iterator

import pytest

from aioalf import TokenError
from tests.robustness.interleavings.broken_clients import BROKEN_CLIENTS
from tests.robustness.interleavings.kinds import KINDS, replay_command
from tests.robustness.interleavings.scenario import Scenario, play
from tests.robustness.interleavings.visible_text import captured_logs, text_of_error
from tests.robustness.interleavings.world import World
from tests.support.virtual_time import follow_the_loop

SEEDS = int(os.environ.get("AIOALF_SEEDS", "2000"))
ONE_SEED = os.environ.get("AIOALF_SEED")
BLOCK = 200  # seeds per test
KINDS_OF_BLOCKS = ("implicit", "plain", "login", "plain")  # in turn; the other kinds have less
SEEDS_PER_DEFECT = 800  # most defects are found within ten seeds
SHOWN_EVENTS = 80


def blocks() -> Iterator[tuple[str, range]]:
    """Yield the kinds and seeds to play: `AIOALF_SEED` for all kinds, or all seeds in blocks."""
    if ONE_SEED is not None:
        seed = int(ONE_SEED)
        yield from ((name, range(seed, seed + 1)) for name in KINDS)
        return
    for first in range(0, SEEDS, BLOCK):
        name = KINDS_OF_BLOCKS[(first // BLOCK) % len(KINDS_OF_BLOCKS)]
        yield name, range(first, min(first + BLOCK, SEEDS))
    for name in (name for name in KINDS if name not in KINDS_OF_BLOCKS):
        for first in range(0, SEEDS // 10, BLOCK):
            yield name, range(first, min(first + BLOCK, SEEDS // 10))


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use the clock of the virtual loop in the package, and keep log records out of the output."""
    follow_the_loop(monkeypatch)
    with captured_logs():
        yield


def describe(name: str, seed: int, world: World) -> str:
    """Describe a failure: the broken promises, how to replay it, and the last events."""
    broken = "; ".join(dict.fromkeys(world.broken_promises))
    events = [f"{at:9.2f} {event} {about}" for at, event, about in world.events[-SHOWN_EVENTS:]]
    return "\n".join(
        [
            f"seed {seed} of {name}: {broken}",
            f"replay: {replay_command(name, seed)}",
            *events,
        ]
    )


@pytest.mark.rule("R040", "R043", "R044", "R073", "R160")
@pytest.mark.rule("R025", "R060", "R070", "R071", "R072", "R074", "R077", "R082", "R083")
@pytest.mark.rule("R007", "R061", "R062", "R063")
@pytest.mark.parametrize(
    ("name", "seeds"),
    [pytest.param(*block, id=f"{block[0]}-{block[1].start}") for block in blocks()],
)
def test_promises_hold_in_every_order(name: str, seeds: range) -> None:
    """Requests, failures, cancellations, revocations, logouts and closes break no promise."""
    faults_by_seed: list[tuple[int, list[str]]] = []
    for seed in seeds:
        world, faults = play(KINDS[name], seed)
        assert not world.broken_promises, describe(name, seed, world)
        faults_by_seed.append((seed, faults))
    gc.collect()  # exceptions that were never retrieved are reported when they are collected
    assert [(seed, faults) for seed, faults in faults_by_seed if faults] == []


@pytest.mark.parametrize("name", KINDS)
def test_replay_command_plays_the_seed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of a failure names a test that exists, and plays only this seed."""
    setting, *_, test = shlex.split(replay_command(name, 1234))
    assert setting == "AIOALF_SEED=1234"
    monkeypatch.setattr(sys.modules[__name__], "ONE_SEED", "1234")
    (seeds,) = (seeds for kind, seeds in blocks() if test.endswith(f"[{kind}-{seeds.start}]"))
    assert seeds == range(1234, 1235)
    assert f"::{test_promises_hold_in_every_order.__name__}[" in test


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_gives_the_same_events_again(name: str) -> None:
    """A failure can be replayed."""
    for seed in range(20):
        runs = [
            [(at, event, str(about)) for at, event, about in play(KINDS[name], seed)[0].events]
            for _ in range(2)
        ]
        assert runs[0] == runs[1]


def test_scenarios_contain_every_event() -> None:
    """Every event about which there is a promise happens in some seed."""
    events = {
        event
        for kind in KINDS.values()
        for seed in range(60)
        for _, event, _ in play(kind, seed)[0].events
    }
    assert events >= {
        *("token request", "token response", "token request failed", "returned", "raised"),
        *("rejected", "accepted", "reset", "reset done", "reset cancelled", "close", "closed"),
        *("all tokens revoked", "logout", "logout done", "logout interrupted", "sign-in"),
        *("response lost", "revocation request", "API rejects everything", "stored"),
        *("caller cancelled", "caller timed out", "API request", "API response"),
        *("token endpoint error returned", "cut off by close"),
        *("cache fault", "claim lost", "end interrupted", "end undisturbed"),
    }


def test_text_of_an_error_is_that_of_its_traceback() -> None:
    """The text that is searched for secrets has everything that a traceback shows."""
    error = TokenError("the error")
    error.__context__ = ValueError("the context")
    error.__context__.__cause__ = KeyError("the cause")
    error.add_note("a note")
    text, shown = text_of_error(error), "".join(traceback.format_exception(error))
    for part in ("the error", "the context", "the cause", "a note"):
        assert part in text
        assert part in shown


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a broken client may leave resources open
@pytest.mark.parametrize("name", BROKEN_CLIENTS)
def test_scenarios_find_a_broken_client(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each defect that is put into the client breaks its promise in some seed."""
    kind, promise, put_in = BROKEN_CLIENTS[name]
    put_in(monkeypatch)
    found = (
        seed
        for seed in range(SEEDS_PER_DEFECT)
        if any(promise in broken for broken in play(KINDS[kind], seed)[0].broken_promises)
    )
    assert next(found, None) is not None, f"{promise}: no seed below {SEEDS_PER_DEFECT} breaks it"


def test_virtual_time_takes_no_real_time() -> None:
    """Scenarios of many seconds take milliseconds."""
    started = time.perf_counter()
    world, _ = play(Scenario, 1)
    assert world.events[-1][0] - world.events[0][0] > 2
    assert time.perf_counter() - started < 2
