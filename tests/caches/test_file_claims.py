"""Claims of the file cache: holding a claim, waiting for it, and precedence."""

import asyncio
import errno
import fcntl
import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from aioalf import CacheError
from aioalf._cache_protocol import Claim
from aioalf.caches import FileCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A directory that does not exist yet."""
    return tmp_path / "tokens"


@pytest.fixture
def cache(path: Path) -> FileCache:
    """A cache in that directory."""
    return FileCache(path)


@pytest.fixture
def other(path: Path) -> FileCache:
    """Another object on the same directory, as another process would have."""
    return FileCache(path)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `wait` return only if something has happened."""
    monkeypatch.setattr("aioalf.caches.file._MAX_WAIT", 600)


@pytest.fixture
def long_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting objects take precedence until they have had their turn."""
    monkeypatch.setattr("aioalf.caches._file_claims._PRECEDENCE", 600)
    monkeypatch.setattr("aioalf.caches._file_claims._WAITED_WITHIN", 600)


async def claimed(cache: FileCache, key: str = "k") -> Claim:
    """Return the claim to a key, which is free."""
    claim = await cache.claim(key)
    assert claim is not None
    return claim


def file_in(path: Path, pattern: str) -> Path:
    """Return the only file that matches."""
    (found,) = path.glob(pattern)
    return found


def failing(number: int) -> Callable[..., object]:
    """Return a function that fails like a system call, with this errno."""

    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


class Slow:
    """A function that waits until the test lets it go on."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self.began, self.go_on = threading.Event(), threading.Event()

    def replace(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        """Take the place of the function."""

        # A function and not this object, so that it becomes a method of a class.
        def slow(*args: object, **options: object) -> object:
            self.began.set()
            assert self.go_on.wait(10)
            return self._function(*args, **options)

        monkeypatch.setattr(owner, name, slow)


# Having a claim


async def test_one_object_at_a_time_has_a_claim(cache: FileCache, other: FileCache) -> None:
    """Others get None at once, in the same object and in another one, until the release."""
    claim = await claimed(cache)
    assert await cache.claim("k") is None
    assert await other.claim("k") is None
    await (await claimed(other, "another key")).release()
    await claim.release()
    await (await claimed(other)).release()


async def test_claim_is_held_until_its_release(cache: FileCache) -> None:
    """A released claim can no longer change the value."""
    claim = await claimed(cache)
    assert claim.is_held
    assert await claim.replace("1", None)
    assert await claim.remove()
    assert await claim.replace("2", None)
    await claim.release()
    assert not claim.is_held
    assert [await claim.replace("3", None), await claim.remove()] == [False, False]
    assert await cache.get("k") == "2"


async def test_second_release_does_not_end_the_claim_of_another(
    cache: FileCache, other: FileCache
) -> None:
    """Only the first release has an effect."""
    claim = await claimed(cache)
    await claim.release()
    of_another = await claimed(other)
    await claim.release()
    assert await cache.claim("k") is None
    assert of_another.is_held


async def test_release_waits_for_an_earlier_operation_of_the_claim(
    cache: FileCache, other: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is free after a cancelled write has ended, so that the next holder sees it."""
    claim = await claimed(cache)
    slow = Slow(os.fsync)
    with monkeypatch.context() as slowed:
        slow.replace(slowed, os, "fsync")
        writing = asyncio.create_task(claim.replace("1", None))
        await asyncio.to_thread(slow.began.wait)
        writing.cancel()
        releasing = asyncio.create_task(claim.release())
        await asyncio.sleep(0)
        assert not claim.is_held
        assert await other.claim("k") is None
        slow.go_on.set()
        await releasing
    assert writing.cancelled()
    await claimed(other)
    assert await other.get("k") == "1"


async def test_claim_taken_during_cancellation_is_given_back(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled caller leaves at once, and its next attempt does not find its own claim."""
    slow = Slow(filelock.FileLock.acquire)
    with monkeypatch.context() as slowed:
        slow.replace(slowed, filelock.FileLock, "acquire")
        task = asyncio.create_task(cache.claim("k"))
        await asyncio.to_thread(slow.began.wait)
        task.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
        slow.go_on.set()
        await claimed(cache)


async def test_cancelled_attempt_does_not_end_the_claim_of_another(
    cache: FileCache, other: FileCache
) -> None:
    """There is nothing to give back if the claim was not taken."""
    claim = await claimed(other)
    task = asyncio.create_task(cache.claim("k"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()
    assert await cache.claim("k") is None
    assert claim.is_held


async def test_cancelled_release_gives_the_claim_back(
    cache: FileCache, other: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that leaves does not keep the claim."""
    claim = await claimed(cache)
    slow = Slow(filelock.FileLock.release)
    with monkeypatch.context() as slowed:
        slow.replace(slowed, filelock.FileLock, "release")
        task = asyncio.create_task(claim.release())
        await asyncio.to_thread(slow.began.wait)
        task.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
        slow.go_on.set()
        await cache.get("k")  # comes after the release
    await claimed(other)


async def test_failed_release_is_only_logged(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The holder has its result, and cannot do anything about the lock."""
    caplog.set_level(logging.DEBUG, logger="aioalf")
    claim = await claimed(cache)
    with monkeypatch.context() as broken:
        broken.setattr(filelock.FileLock, "release", failing(errno.EIO))
        await claim.release()
    [record] = caplog.records
    assert (record.levelno, "was not released" in record.getMessage()) == (logging.DEBUG, True)


async def test_claim_file_that_cannot_be_removed_does_not_keep_the_lock(
    cache: FileCache, other: FileCache, path: Path
) -> None:
    """The lock alone decides who has the claim."""
    claim = await claimed(cache)
    file = file_in(path, "*.claim")
    file.unlink()
    file.mkdir()
    await claim.release()
    await claimed(other)


async def test_claim_needs_no_room_on_the_disk(
    cache: FileCache, other: FileCache, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the holder cannot be written down, the claim is valid nevertheless."""
    await (await claimed(cache)).release()
    with monkeypatch.context() as full:
        full.setattr("aioalf.caches._open_directory.OpenDirectory.open", failing(errno.ENOSPC))
        claim = await claimed(cache)
    assert await other.claim("k") is None
    assert await other.holder("k") is None
    await claim.release()
    await claimed(other)


async def test_forked_process_does_not_hold_the_claim(
    cache: FileCache, other: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim stays with the process that took it."""
    claim = await claimed(cache)
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        assert not claim.is_held
        assert not await claim.replace("1", None)
        await claim.release()
    assert claim.is_held
    assert await other.claim("k") is None


# Locks that cannot be used


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
async def test_file_system_without_locks_is_refused(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A lock that is only a file would be left by a killed process, and keep all others out."""
    monkeypatch.setattr(fcntl, "flock", failing(number))
    for _ in range(2):
        with pytest.raises(
            CacheError, match=r"could not be locked .*: its file system does not support this"
        ):
            await cache.claim("k")


async def test_symbolic_link_in_place_of_the_lock_is_not_followed(
    cache: FileCache, path: Path, tmp_path: Path
) -> None:
    """The target of the link is not created, locked or emptied."""
    await (await claimed(cache)).release()
    lock = file_in(path, "*.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="could not be locked"):
        await cache.claim("k")
    assert not (tmp_path / "elsewhere").exists()


# The holder


async def test_holder_is_described_while_the_claim_is_held(
    cache: FileCache, other: FileCache, path: Path
) -> None:
    """The text has the process, its host and the time, and the file is private."""
    assert await other.holder("k") is None
    claim = await claimed(cache)
    text = await other.holder("k") or ""
    assert re.fullmatch(rf"process {os.getpid()} on \S+ since \d\d:\d\d:\d\d UTC", text)
    assert file_in(path, "*.claim").stat().st_mode & 0o777 == 0o600
    await claim.release()
    assert await other.holder("k") is None


@pytest.mark.parametrize(("content", "shown"), [(b"", None), (b"\x1b[1m\xff\nb", "\\x1b[1m\ufffd")])
async def test_damaged_description_is_printable(
    cache: FileCache, other: FileCache, path: Path, content: bytes, shown: str | None
) -> None:
    """It ends up in an error message."""
    await claimed(cache)
    file_in(path, "*.claim").write_bytes(content)
    assert await other.holder("k") == shown


# Waiting


@pytest.mark.usefixtures("patience")
async def test_waiting_ends_when_the_claim_is_given_back(
    cache: FileCache, other: FileCache
) -> None:
    """All that wait return, in the same object and in others."""
    claim = await claimed(cache)
    waiting = [asyncio.create_task(each.wait("k", 600)) for each in (cache, other, other)]
    done, _ = await asyncio.wait(waiting, timeout=0.2)
    assert not done
    await claim.release()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


@pytest.mark.usefixtures("patience")
async def test_waiting_ends_when_the_value_changes(cache: FileCache, other: FileCache) -> None:
    """The new value may be all that is needed."""
    claim = await claimed(cache)
    for change in (claim.replace("1", None), claim.replace("2", None), claim.remove()):
        waiting = asyncio.create_task(other.wait("k", 600))
        await asyncio.wait([waiting], timeout=0.1)
        assert not waiting.done()
        await change
        async with asyncio.timeout(5):
            await waiting


@pytest.mark.usefixtures("patience")
async def test_waiting_ends_if_another_has_got_the_claim_meanwhile(
    cache: FileCache, other: FileCache
) -> None:
    """A claim that was given back and taken again between two looks is noticed."""
    claim = await claimed(cache)
    waiting = asyncio.create_task(cache.wait("k", 600))
    await asyncio.wait([waiting], timeout=0.1)
    await claim.release()
    await claimed(other)
    async with asyncio.timeout(5):
        await waiting


@pytest.mark.usefixtures("patience")
async def test_waiting_for_a_free_claim_ends_at_once(cache: FileCache) -> None:
    """A claim is free before its first use, and after its release."""
    async with asyncio.timeout(5):
        await cache.wait("k", 600)
        await (await claimed(cache)).release()
        await cache.wait("k", 600)


async def test_waiting_ends_soon_if_the_holder_was_killed(
    cache: FileCache, other: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process gives nothing back, so `wait` returns by itself, after 0.25 seconds."""
    await (await claimed(cache)).release()
    with monkeypatch.context() as killed:
        killed.setattr("aioalf.caches._open_directory.OpenDirectory.remove", failing(errno.EIO))
        await (await claimed(cache)).release()  # leaves the file, as a killed process does
    async with asyncio.timeout(5):
        await other.wait("k", 600)
    await claimed(other)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("timeout", [-1, 0, 0.03])
async def test_waiting_ends_after_the_timeout(
    cache: FileCache, other: FileCache, timeout: float
) -> None:
    """Also while nothing happens."""
    await claimed(cache)
    async with asyncio.timeout(5):
        await other.wait("k", timeout)


async def test_waiting_does_not_touch_the_lock(
    cache: FileCache, other: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying the lock would make the claim of another process fail for a moment."""
    await claimed(cache)
    monkeypatch.setattr(filelock.FileLock, "acquire", failing(errno.EIO))
    await other.wait("k", 1)


@pytest.mark.usefixtures("patience")
async def test_waiting_can_be_cancelled(cache: FileCache, other: FileCache) -> None:
    """The claim can be taken afterwards."""
    claim = await claimed(cache)
    waiting = asyncio.create_task(other.wait("k", 600))
    await asyncio.wait([waiting], timeout=0.05)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=5)
    assert waiting.cancelled()
    await claim.release()
    await claimed(other)


# Precedence


async def give_back_while_another_waits(cache: FileCache, other: FileCache) -> None:
    """Claim a key and give it back after the other object has begun to wait."""
    claim = await claimed(cache)
    waiting = asyncio.create_task(other.wait("k", 600))
    await asyncio.wait([waiting], timeout=0.3)
    await claim.release()
    await waiting


@pytest.mark.usefixtures("long_precedence")
async def test_waiting_object_takes_precedence(cache: FileCache, other: FileCache) -> None:
    """The object that gave a claim back gets None until the waiting one has had its turn."""
    await give_back_while_another_waits(cache, other)
    assert await cache.claim("k") is None
    turn = await claimed(other)
    assert await cache.claim("k") is None
    await turn.release()
    await claimed(cache)


@pytest.mark.usefixtures("patience")
async def test_precedence_ends_by_itself(cache: FileCache, other: FileCache) -> None:
    """If the waiting object no longer needs the claim, `wait` returns soon."""
    await give_back_while_another_waits(cache, other)
    async with asyncio.timeout(5):
        while (claim := await cache.claim("k")) is None:
            await cache.wait("k", 600)
    assert claim.is_held


@pytest.mark.usefixtures("long_precedence")
async def test_object_that_waits_for_itself_takes_no_precedence(cache: FileCache) -> None:
    """Tasks that share one object hand the claim over without a pause."""
    claim = await claimed(cache)
    waiting = asyncio.create_task(cache.wait("k", 600))
    await asyncio.wait([waiting], timeout=0.05)
    await claim.release()
    await claimed(cache)
    await waiting


@pytest.mark.usefixtures("long_precedence")
async def test_earlier_wait_gives_no_precedence(cache: FileCache, other: FileCache) -> None:
    """The earlier wait of the next holder does not count."""
    await give_back_while_another_waits(cache, other)
    await (await claimed(other)).release()
    await claimed(other)
