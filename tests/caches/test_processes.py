"""Several processes with one file cache: nothing is lost, whoever is killed when."""

# ruff: noqa: ASYNC240 - the loop of a test serves nobody else

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from aioalf.caches import FileCache
from tests.caches.nursery import KEY, is_whole, nursery

KILLS = 50


@pytest.mark.rule("R079")
@pytest.mark.timeout(300)
async def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    """Each adds one 500 times under the lock; the number is 1000."""
    async with nursery() as one, nursery() as other:
        await asyncio.gather(one.start("count", tmp_path), other.start("count", tmp_path))
        await asyncio.gather(one.ended(), other.ended())
    assert await FileCache(tmp_path).get(KEY) == "1000"


@pytest.mark.rule("R080")
@pytest.mark.timeout(300)
async def test_a_writer_killed_at_any_moment_damages_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Before, meanwhile and after, what is read is a value as it was written."""
    cache = FileCache(tmp_path)
    async with nursery() as writers:
        for _ in range(KILLS):
            pid = await writers.start("write", tmp_path)
            assert is_whole(await cache.get(KEY) or "")
            await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - a moment
            os.kill(pid, signal.SIGKILL)
            await writers.ended()
            assert is_whole(await cache.get(KEY) or "")
    assert not caplog.records
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.rule("R079")
async def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """While it lives the others wait, in vain, with a loop that goes on; then the next has it."""
    cache = FileCache(tmp_path)
    async with nursery() as holders:
        pid = await holders.start("hold", tmp_path)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), cache.lock(KEY):
                pytest.fail("two processes hold it")
        async with cache.lock("another key"):
            pass
        os.kill(pid, signal.SIGKILL)
        await holders.ended()
        async with asyncio.timeout(5), cache.lock(KEY):
            pass
