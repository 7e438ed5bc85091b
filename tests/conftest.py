"""Options, fixtures and checks for all tests. Each async test fails if it leaves a task running."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
from pytest_asyncio import is_async_test

from tests.support.detached_tasks import recorded_detached_tasks
from tests.support.device_polling import poll_fast
from tests.support.mocked_responses import MockedResponses
from tests.support.rule_recorder import RuleRecorder, attach_rules

pytest_plugins = ["aioalf.testing.pytest_plugin", "pytester"]

_TURNS_TO_END = 20  # turns of the event loop that closed connections need to end their own tasks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--ledger`."""
    parser.addoption(
        "--ledger",
        type=Path,
        metavar="FILE",
        help="record the tests of each rule (tools/ledger.py)",
    )


def pytest_xdist_auto_num_workers() -> int | None:
    """Return the number of processes: tests wait for half of their time."""
    is_chosen = "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ
    return None if is_chosen else (os.cpu_count() or 1) + 2


def pytest_configure(config: pytest.Config) -> None:
    """Record the run if `--ledger` is given; with pytest-xdist, in the main process only."""
    record: Path | None = config.getoption("--ledger")
    if record is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(RuleRecorder(record))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add `no_task_left` to each async test as its first fixture, so that it is torn down last."""
    attach_rules(items)
    for item in items:
        if isinstance(item, pytest.Function) and is_async_test(item):
            item.fixturenames.insert(0, "no_task_left")


def pytest_collection_finish() -> None:
    """Exclude imported modules from garbage collection: tests call `gc.collect()` often."""
    gc.collect()
    gc.freeze()


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task running, even one that `asyncio.all_tasks` does not list."""
    before = asyncio.all_tasks()
    with recorded_detached_tasks() as detached:
        yield
    left = await _tasks_since(before, detached)
    assert not left, f"tasks left running: {left}"


async def _tasks_since(
    before: set[asyncio.Task[object]], detached: set[asyncio.Task[object]]
) -> set[asyncio.Task[object]]:
    left: set[asyncio.Task[object]] = set()
    for _ in range(_TURNS_TO_END):
        await asyncio.sleep(0)
        running = {task for task in detached if not task.done()}
        left = asyncio.all_tasks() | running
        left -= before | {cast("asyncio.Task[object]", asyncio.current_task())}
        if not left:
            break
    return left


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a cache that fails be tried again for one second instead of 15."""
    monkeypatch.setattr("aioalf._login.shared_fetch._CACHE_PATIENCE", 1.0)


@pytest.fixture
def fast_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `DeviceCode` poll almost without waiting; servers ask for at least a second."""
    poll_fast(monkeypatch)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let subprocesses receive SIGINT even if this process was started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def aioresponses() -> Iterator[MockedResponses]:
    """Mock responses instead of sending requests."""
    mocked = MockedResponses()
    with mocked:
        yield mocked
