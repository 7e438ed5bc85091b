"""The cache in files: private, damaged by nothing, and clear about what it cannot do."""

# ruff: noqa: ASYNC240 - the loop of a test serves nobody else

import asyncio
import copy
import errno
import json
import logging
import math
import os
import pickle
import resource
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest

from aioalf import CacheError, TokenConfigurationError
from aioalf.caches import FileCache
from aioalf.caches._file_format import LARGEST

SECRET = "the-refresh-token"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A directory that is not there yet."""
    return tmp_path / "of" / "tokens"


@pytest.fixture
def cache(path: Path) -> FileCache:
    """A cache in that directory."""
    return FileCache(path)


def file_in(path: Path, pattern: str = "*.json") -> Path:
    """The only file of that name."""
    (found,) = path.glob(pattern)
    return found


def mode_of(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


async def used(cache: FileCache) -> None:
    """Read, write, delete and lock."""
    await cache.get("k")
    await cache.set("k", SECRET, None)
    await cache.delete("k")
    async with cache.lock("k"):
        pass


# What is kept, where, and for how long


async def test_what_was_kept_is_there_for_the_next_process(cache: FileCache, path: Path) -> None:
    """Another object on the same path has it, and what one forgot the other has not."""
    await cache.set("k", SECRET, None)
    assert await FileCache(str(path)).get("k") == SECRET
    await FileCache(path).delete("k")
    assert await cache.get("k") is None


async def test_nothing_is_made_to_read_nothing(cache: FileCache, path: Path) -> None:
    """Reading and deleting leave no directory behind."""
    assert await cache.get("k") is None
    await cache.delete("k")
    assert not path.exists()


@pytest.mark.rule("R080")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_only_the_user_can_read_it(cache: FileCache, path: Path, umask: int) -> None:
    """The directory has mode 0700 and every file 0600, whatever the umask; no name tells a key."""
    before = os.umask(umask)
    try:
        async with cache.lock("my-login"):
            await cache.set("my-login", SECRET, None)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o700
    assert [mode_of(file) for file in path.iterdir()] == [0o600, 0o600]
    assert "my-login" not in str(list(path.iterdir()))


@pytest.mark.rule("R080")
async def test_a_value_is_private_again_with_the_next_write(cache: FileCache, path: Path) -> None:
    """Permissions that somebody gave the file do not stay."""
    await cache.set("k", "1", None)
    file_in(path).chmod(0o666)
    await cache.set("k", "2", None)
    assert mode_of(file_in(path)) == 0o600


async def test_the_home_directory_is_understood(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``~`` is it, and a relative path stays where it was when the directory changes."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    home, relative = FileCache("~/tokens"), FileCache("tokens")
    monkeypatch.chdir("/")
    await home.set("k", "1", None)
    await relative.set("k", "2", None)
    assert (tmp_path / "home" / "tokens").is_dir()
    assert (tmp_path / "tokens").is_dir()


@pytest.mark.parametrize("path", ["", "~nobody-of-that-name/tokens"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    """A variable that was not set does not put tokens into the current directory."""
    with pytest.raises(TokenConfigurationError, match="FileCache"):
        FileCache(path)


class Clock:
    """The wall clock, in the hands of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000.0
        stopped = SimpleNamespace(time=lambda: self.now)
        monkeypatch.setattr("aioalf.caches.file.time", stopped)


async def test_a_value_ends_by_the_wall_clock(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept to the last moment, then none; without a time it stays."""
    clock = Clock(monkeypatch)
    await cache.set("k", "1", 10)
    await cache.set("for good", "2", None)
    await cache.set("for good, too", "3", math.inf)
    clock.now += 9.9
    assert await cache.get("k") == "1"
    clock.now += 1e9
    assert await cache.get("k") is None
    assert (await cache.get("for good"), await cache.get("for good, too")) == ("2", "3")


async def test_a_clock_set_back_loses_nothing(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The value is there before it was written, and again when the clock was wrong for a while."""
    clock = Clock(monkeypatch)
    await cache.set("k", "1", 10)
    clock.now -= 1e6
    assert await cache.get("k") == "1"
    clock.now += 2e6
    assert await cache.get("k") is None
    clock.now -= 1e6
    assert await cache.get("k") == "1"


async def test_its_text_shows_where_and_not_what(cache: FileCache, path: Path) -> None:
    """What a debugger or a log prints is the path."""
    await cache.set("k", SECRET, None)
    assert repr(cache) == f"<FileCache {str(path)!r}>"


# Files that are not as they were written


def foreign_version(content: bytes) -> bytes:
    """As another version would have written it."""
    return json.dumps({**json.loads(content), "version": 99}).encode()


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda content: content[:-1],
    lambda content: content[: len(content) // 2],
    lambda content: content + b"}",
    lambda content: b"\0" * len(content),
    lambda content: content.replace(b'"key":"k"', b'"key":"x"'),
    foreign_version,
    lambda _: b" " * (LARGEST + 1),
]
DAMAGE_NAMES = ["empty", "cut", "halved", "longer", "zeroed", "of_another_key", "version", "huge"]


@pytest.mark.rule("R080")
@pytest.mark.parametrize("damage", DAMAGES, ids=DAMAGE_NAMES)
async def test_a_damaged_file_holds_nothing(
    cache: FileCache,
    path: Path,
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One warning tells of it, without what is in it, and the next write makes it good.

    Damage is no more than that; what another version wrote somebody uses, and is none of ours.
    """
    await cache.set("k", SECRET, None)
    file = file_in(path)
    file.write_bytes(damage(file.read_bytes()))
    nothing = None if damage is foreign_version else ""
    assert [await cache.get("k") for _ in range(3)] == [nothing] * 3
    [record] = caplog.records
    assert (record.levelno, str(file) in record.getMessage()) == (logging.WARNING, True)
    assert SECRET not in caplog.text
    await cache.set("k", "new", None)
    assert await cache.get("k") == "new"


async def test_each_damage_is_told(
    cache: FileCache, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that was good in between, deleted or repaired by another process, is told of again."""
    for repair in (cache.delete, cache.get):
        await FileCache(path).set("k", SECRET, None)
        good = file_in(path).read_bytes()
        file_in(path).write_bytes(b"")
        await cache.get("k")
        file_in(path).write_bytes(good)
        await repair("k")
    await FileCache(path).set("k", SECRET, None)
    file_in(path).write_bytes(b"")
    await cache.get("k")
    assert len(caplog.records) == 3


async def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(cache: FileCache, path: Path) -> None:
    """It counts as a damaged file: nobody waits for what comes out of it."""
    await cache.set("k", SECRET, None)
    file = file_in(path)
    file.unlink()
    os.mkfifo(file)
    # Who does wait is freed, and the test fails instead of hanging.
    rescue = threading.Timer(5, lambda: os.close(os.open(file, os.O_RDWR)))
    rescue.start()
    assert await cache.get("k") == ""
    assert not rescue.finished.is_set()
    rescue.cancel()


# Directories and files that are not to be trusted, or not to be used


async def refused(cache: FileCache, reason: str) -> None:
    """See that reading, writing, deleting and locking all say so."""
    for action in (
        cache.get("k"),
        cache.set("k", SECRET, None),
        cache.delete("k"),
        cache.lock("k").__aenter__(),
    ):
        with pytest.raises(CacheError, match=reason) as caught:
            await action
        assert SECRET not in str(caught.value)


async def test_a_link_in_the_place_of_the_directory_is_refused(
    cache: FileCache, path: Path, tmp_path: Path
) -> None:
    """Who made it does not choose where tokens go, or come from."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    path.parent.mkdir()
    path.symlink_to(elsewhere)
    await refused(cache, "it is a symbolic link; give the path of the directory itself")
    assert not list(elsewhere.iterdir())


async def test_a_link_that_leads_nowhere_is_refused(
    cache: FileCache, path: Path, tmp_path: Path
) -> None:
    """Nothing is made where it leads to."""
    path.parent.mkdir()
    path.symlink_to(tmp_path / "nowhere")
    await refused(cache, "symbolic link|in the place of a directory")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
async def test_a_directory_that_others_can_write_to_is_refused(
    cache: FileCache, path: Path, mode: int
) -> None:
    """Who can replace a file there chooses whose tokens are used."""
    path.mkdir(parents=True)
    path.chmod(mode)
    await refused(cache, "others can write to it; chmod 700 it")
    assert not list(path.iterdir())


async def test_a_directory_that_others_can_list_keeps_its_mode(
    cache: FileCache, path: Path
) -> None:
    """It is the user's to decide; they can neither read nor replace what is in it."""
    path.mkdir(parents=True)
    path.chmod(0o755)
    await cache.set("k", SECRET, None)
    assert (mode_of(path), mode_of(file_in(path))) == (0o755, 0o600)


async def test_a_directory_of_another_user_is_refused(
    cache: FileCache, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They could read and replace what is in it."""
    path.mkdir(0o700, parents=True)
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    await refused(cache, "it is another user's; choose another path")


async def test_a_file_in_the_place_of_the_directory_is_refused(
    cache: FileCache, path: Path
) -> None:
    """The file stays as it is."""
    path.parent.mkdir()
    path.write_text("mine")
    await refused(cache, "choose another path")
    assert path.read_text() == "mine"


async def test_a_link_in_the_place_of_a_file_is_not_followed(
    cache: FileCache, path: Path, tmp_path: Path
) -> None:
    """Reading says so; writing puts a file in its place and leaves alone where it led to."""
    await cache.set("k", SECRET, None)
    file = file_in(path)
    file.rename(tmp_path / "moved")
    file.symlink_to(tmp_path / "moved")
    with pytest.raises(CacheError, match="a symbolic link is in its place: remove it"):
        await cache.get("k")
    await cache.set("k", "new", None)
    assert (await cache.get("k"), file.is_symlink()) == ("new", False)
    assert SECRET in (tmp_path / "moved").read_text()


async def test_a_link_in_the_place_of_the_lock_is_not_followed(
    cache: FileCache, path: Path, tmp_path: Path
) -> None:
    """Nothing is locked, made or emptied elsewhere."""
    async with cache.lock("k"):
        pass
    lock = file_in(path, "*.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="could not be locked"):
        async with cache.lock("k"):
            pytest.fail("it is locked")
    assert not (tmp_path / "elsewhere").exists()


async def test_a_directory_in_the_place_of_a_file_is_told(cache: FileCache, path: Path) -> None:
    """The error says what to remove."""
    await cache.set("k", SECRET, None)
    file = file_in(path)
    file.unlink()
    file.mkdir()
    for action in (cache.get("k"), cache.set("k", SECRET, None), cache.delete("k")):
        with pytest.raises(CacheError):
            await action
    assert [entry.name for entry in path.iterdir()] == [file.name]


def failing(number: int) -> Callable[..., object]:
    """A system call that fails with an error of this number."""

    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


FULL_OR_CLOSED = [
    (errno.ENOSPC, "the disk is full: make room"),
    (errno.EDQUOT, "the disk quota is used up: make room"),
    (errno.EROFS, "its file system is read-only: choose another path"),
    (errno.EACCES, "let this user read and write it"),
    (errno.EIO, "choose another path"),
]


@pytest.mark.rule("R080")
@pytest.mark.parametrize("call", ["os.fsync", "tempfile.mkstemp", "os.replace"])
@pytest.mark.parametrize(("number", "advice"), FULL_OR_CLOSED)
async def test_a_write_that_fails_loses_nothing(
    cache: FileCache,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    advice: str,
) -> None:
    """On a full disk, a read-only one and others the old value stays, and nothing half written."""
    await cache.set("k", "old", None)
    before = list(path.iterdir())
    with monkeypatch.context() as broken:
        broken.setattr(call, failing(number))
        with pytest.raises(CacheError, match=advice) as caught:
            await cache.set("k", SECRET, None)
    assert isinstance(caught.value.__cause__, OSError)
    assert (str(path) in str(caught.value), SECRET in str(caught.value)) == (True, False)
    assert (await cache.get("k"), list(path.iterdir())) == ("old", before)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let the system end each write of this process at 4 KiB, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.rule("R080")
@pytest.mark.usefixtures("small_files")
async def test_a_write_that_ends_in_the_middle_loses_nothing(cache: FileCache, path: Path) -> None:
    """The system takes a part and no more: the old value stays, and nothing half written."""
    await cache.set("k", "old", None)
    with pytest.raises(CacheError, match="could not be written"):
        await cache.set("k", SECRET * 1000, None)
    assert await cache.get("k") == "old"
    assert len(list(path.iterdir())) == 1


@pytest.mark.rule("R080")
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
async def test_a_file_that_cannot_be_read_is_told(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It is not taken for none: a login that is there is not asked for anew."""
    await cache.set("k", SECRET, None)
    with monkeypatch.context() as broken:
        broken.setattr("os.open", failing(number))
        with pytest.raises(CacheError, match="could not be read"):
            await cache.get("k")
    assert await cache.get("k") == SECRET


async def test_a_directory_that_cannot_be_made_is_told(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing and locking on a read-only disk say so, and reading finds nothing."""
    monkeypatch.setattr(os, "mkdir", failing(errno.EROFS))
    assert await cache.get("k") is None
    for action in (cache.set("k", SECRET, None), cache.lock("k").__aenter__()):
        with pytest.raises(CacheError, match=r"could not be made .* read-only"):
            await action


@pytest.mark.parametrize("call", ["acquire", "release"])
async def test_a_lock_that_fails_is_told(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A file system without locks is a CacheError, too."""
    monkeypatch.setattr(filelock.FileLock, call, failing(errno.ENOLCK))
    with pytest.raises(CacheError, match=r"could not be (un)?locked"):
        await used(cache)


async def test_a_value_too_large_to_be_read_again_is_refused(cache: FileCache) -> None:
    """It is told when it is written, and the old one stays."""
    await cache.set("k", "old", None)
    with pytest.raises(CacheError, match="too large"):
        await cache.set("k", "x" * LARGEST, None)
    assert await cache.get("k") == "old"


def test_a_cache_error_travels() -> None:
    """It can be copied for each who waited, and be sent to another process."""
    error = CacheError("what to do")
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert (type(twin), str(twin)) == (CacheError, "what to do")


# What killed and cancelled writers leave


async def test_what_a_killed_writer_left_is_removed_in_time(cache: FileCache, path: Path) -> None:
    """An hour later; a younger one may be another process's that writes now."""
    await cache.set("k", "1", None)
    old, young = (path / f"{file_in(path).name}.{name}.tmp" for name in ("old", "young"))
    for unfinished in (old, young):
        unfinished.write_text(SECRET)
    os.utime(old, (0, time.time() - 3700))
    await cache.set("k", "2", None)
    assert (old.exists(), young.exists()) == (False, True)
    os.utime(young, (0, 0))
    await cache.delete("k")
    assert not list(path.iterdir())


async def test_a_write_that_was_cancelled_is_over_before_the_next(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread ends first: a write that goes on unseen cannot undo a later one."""
    began, go_on = threading.Event(), threading.Event()
    sync = os.fsync

    def slow(descriptor: int) -> None:
        began.set()
        go_on.wait()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    task = asyncio.create_task(cache.set("k", "1", None))
    await asyncio.to_thread(began.wait)
    task.cancel()
    await asyncio.sleep(0)
    was_done = task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await cache.set("k", "2", None)
    assert (was_done, await cache.get("k")) == (False, "2")


async def test_a_lock_had_while_it_was_given_up_is_free(
    cache: FileCache, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is cancelled in the moment of success does not keep it."""
    began, go_on = threading.Event(), threading.Event()
    acquire = filelock.FileLock.acquire

    def slow(lock: filelock.FileLock, *, blocking: bool) -> object:
        began.set()
        go_on.wait()
        return acquire(lock, blocking=blocking)

    with monkeypatch.context() as slowed:
        slowed.setattr(filelock.FileLock, "acquire", slow)
        task = asyncio.create_task(cache.lock("k").__aenter__())
        await asyncio.to_thread(began.wait)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(5), FileCache(path).lock("k"):
        pass


async def test_another_object_on_the_path_has_the_same_lock(cache: FileCache, path: Path) -> None:
    """Two clients of a process exclude each other, and a task cannot wait for itself by them."""
    async with cache.lock("k"):
        with pytest.raises(CacheError, match="held by this task already"):
            async with FileCache(path).lock("k"):
                pytest.fail("held twice")


# Systems and installations that lack something


async def test_windows_is_asked_again(
    cache: FileCache, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There a file that is read cannot be replaced for a moment, and nobody has modes."""
    replace, refusals = os.replace, [PermissionError(), PermissionError()]

    def busy(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr("aioalf.caches._private_directory._WINDOWS", True)
    monkeypatch.setattr(os, "replace", busy)
    path.mkdir(parents=True)
    path.chmod(0o777)
    await cache.set("k", "1", None)
    assert (await cache.get("k"), refusals) == ("1", [])


async def test_windows_is_not_asked_for_ever(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that stays busy is an error in the end."""
    monkeypatch.setattr("aioalf.caches._private_directory._WINDOWS", True)
    monkeypatch.setattr("aioalf.caches._private_directory._TRIES_ON_WINDOWS", 2)
    monkeypatch.setattr(os, "replace", failing(errno.EACCES))
    with pytest.raises(CacheError, match="let this user read and write it"):
        await cache.set("k", "1", None)


async def test_a_file_system_that_cannot_sync_a_directory_is_used(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is then on the disk when the system puts it there; the file itself is."""
    sync = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not supported")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    await cache.set("k", "1", None)
    assert await cache.get("k") == "1"


def test_without_its_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is told when the cache is made, with the command that helps."""
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(TokenConfigurationError, match=r"pip install 'aio-alf\[cache\]'"):
        FileCache("tokens")


def test_importing_the_package_does_not_import_filelock() -> None:
    """The extra is imported when a FileCache is made."""
    program = "import sys, aioalf.caches; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert "filelock" not in run.stdout.decode().split()
