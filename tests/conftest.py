"""What every test may use, and what every test is held to: no task outlives it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
from pytest_asyncio import is_async_test

from tests.support.mocked_responses import MockedResponses
from tools.ledger import Recorder

pytest_plugins = ["aioalf.testing.pytest_plugin"]

_TURNS_TO_END = 20  # of the loop: what a closed connection's own tasks need to see their end


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run be recorded for the ledger of rules."""
    parser.addoption("--ledger", type=Path, metavar="FILE", help="write each rule's tests here")


def pytest_configure(config: pytest.Config) -> None:
    """Record the run where `--ledger` asks for it."""
    record: Path | None = config.getoption("--ledger")
    if record is not None:
        config.pluginmanager.register(Recorder(record))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hold every coroutine test to `no_task_left`, outermost, so that it sees all fixtures end."""
    for item in items:
        if isinstance(item, pytest.Function) and is_async_test(item):
            item.fixturenames.insert(0, "no_task_left")


def pytest_collection_finish() -> None:
    """Keep what is imported out of the garbage collections of tests: each would look at it all."""
    gc.collect()
    gc.freeze()


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    left = await _tasks_since(before)
    assert not left, f"tasks left running: {left}"


async def _tasks_since(before: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    left: set[asyncio.Task[object]] = set()
    for _ in range(_TURNS_TO_END):
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - before - {cast("asyncio.Task[object]", asyncio.current_task())}
        if not left:
            break
    return left


@pytest.fixture
def aioresponses() -> Iterator[MockedResponses]:
    """Answers in the place of aiohttp's network."""
    mocked = MockedResponses()
    with mocked:
        yield mocked
