"""Several processes that share one file cache, some of which are killed."""

# ruff: noqa: ASYNC240 - blocking file operations are harmless in tests

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from aioalf.caches import FileCache
from tests.caches.fork_server import KEY, claimed, fork_server, is_whole

KILLS = 50
TURNS = 10


@pytest.mark.rule("R079")
@pytest.mark.timeout(300)
async def test_eight_processes_lose_no_update(tmp_path: Path) -> None:
    """Eight processes that each add 30 to a number under claims reach 240."""
    async with fork_server() as processes:
        await processes.start("count_in_eight_processes", tmp_path)
        await processes.ended()
    assert await FileCache(tmp_path).get(KEY) == "240"


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
async def test_claim_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """Others get None until the kill, and the claim at once after it."""
    cache = FileCache(tmp_path)
    async with fork_server() as holders:
        pid = await holders.start("hold", tmp_path)
        assert await cache.claim(KEY) is None
        assert (await cache.holder(KEY) or "").startswith(f"process {pid} on ")
        await (await claimed(cache, "another key")).release()
        os.kill(pid, signal.SIGKILL)
        await holders.ended()
    claim = await cache.claim(KEY)
    assert claim is not None
    await claim.release()


@pytest.mark.rule("R079")
async def test_claim_of_a_killed_process_is_free_although_its_child_lives(tmp_path: Path) -> None:
    """A forked process does not keep the lock."""
    cache = FileCache(tmp_path)
    async with fork_server() as holders:
        pid = await holders.start("hold_with_a_child", tmp_path)
        child = int(await holders.told())
        try:
            assert await cache.claim(KEY) is None
            os.kill(pid, signal.SIGKILL)
            await holders.ended()
            assert await cache.claim(KEY) is not None
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.rule("R079")
async def test_stopped_holder_blocks_no_call(tmp_path: Path) -> None:
    """While the holder is stopped, others get None, `wait` returns, and values can be used."""
    cache = FileCache(tmp_path)
    async with fork_server() as holders:
        pid = await holders.start("hold", tmp_path)
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(10):
                for _ in range(3):
                    assert await cache.claim(KEY) is None
                    await cache.wait(KEY, 60)
                assert (await cache.holder(KEY) or "").startswith(f"process {pid} on ")
                await cache.set(KEY, "1", None)
                assert await cache.get(KEY) == "1"
        finally:
            os.kill(pid, signal.SIGKILL)
        await holders.ended()


async def test_process_that_hurries_does_not_starve_others(tmp_path: Path) -> None:
    """A process that claims a key again and again lets a waiting process have its turn."""
    cache = FileCache(tmp_path)
    overtaken: list[int] = []
    async with fork_server() as processes:
        pid = await processes.start("hurry", tmp_path)
        for _ in range(TURNS):
            before = int(await cache.get(KEY) or 0)
            claim = await claimed(cache)
            overtaken.append(int(await cache.get(KEY) or 0) - before)
            await claim.release()
            await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        await processes.ended()
    assert sum(overtaken) <= 2 * TURNS, overtaken


async def test_cache_works_after_a_fork_in_use(tmp_path: Path) -> None:
    """The claim and the work in progress stay with the parent; the child has its own thread."""
    async with fork_server() as processes:
        await processes.start("fork_in_use", tmp_path)
        assert await processes.ended() == [
            "child: False, False",
            "child: None",
            "parent: True, True, None",
            "parent: True",
            "parent: 3",
        ]
