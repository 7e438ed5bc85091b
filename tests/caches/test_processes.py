"""Several processes that share one file cache, some of which are killed."""

# ruff: noqa: ASYNC240 - blocking file operations are harmless in tests

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from aioalf.caches import FileCache
from tests.caches.fork_server import KEY, fork_server, is_whole

KILLS = 50


@pytest.mark.rule("R079")
@pytest.mark.timeout(300)
async def test_two_processes_lose_no_update(tmp_path: Path) -> None:
    """Two processes that each count to 500 under the lock reach 1000."""
    async with fork_server() as one, fork_server() as other:
        await asyncio.gather(one.start("count", tmp_path), other.start("count", tmp_path))
        await asyncio.gather(one.ended(), other.ended())
    assert await FileCache(tmp_path).get(KEY) == "1000"


@pytest.mark.rule("R080")
@pytest.mark.timeout(300)
async def test_killed_writer_leaves_a_complete_value(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A reader always gets a complete value, whenever the writer is killed."""
    cache = FileCache(tmp_path)
    async with fork_server() as writers:
        for _ in range(KILLS):
            pid = await writers.start("write", tmp_path)
            assert is_whole(await cache.get(KEY) or "")
            await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - a random delay
            os.kill(pid, signal.SIGKILL)
            await writers.ended()
            assert is_whole(await cache.get(KEY) or "")
    assert not caplog.records
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.rule("R079")
async def test_lock_of_a_killed_process_is_released(tmp_path: Path) -> None:
    """Other processes wait without blocking their loop, and get the lock after the kill."""
    cache = FileCache(tmp_path)
    async with fork_server() as holders:
        pid = await holders.start("hold", tmp_path)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), cache.lock(KEY):
                pytest.fail("two processes hold the lock")
        async with cache.lock("another key"):
            pass
        os.kill(pid, signal.SIGKILL)
        await holders.ended()
        async with asyncio.timeout(5), cache.lock(KEY):
            pass
