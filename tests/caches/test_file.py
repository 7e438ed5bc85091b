"""The file cache: private files, atomic writes, and errors that say what to do."""

# ruff: noqa: ASYNC240 - blocking file operations are harmless in tests

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

import pytest

from aioalf import CacheError, TokenConfigurationError
from aioalf._cache_protocol import Claim
from aioalf.caches import FileCache
from aioalf.caches._file_format import MAX_BYTES
from aioalf.caches._file_modes import DIRECTORY_MODE, FILE_MODE

SECRET = "the-refresh-token"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A directory that does not exist yet."""
    return tmp_path / "of" / "tokens"


@pytest.fixture
def cache(path: Path) -> FileCache:
    """A cache in that directory."""
    return FileCache(path)


def file_in(path: Path, pattern: str = "*.json") -> Path:
    """Return the only file that matches."""
    (found,) = path.glob(pattern)
    return found


def mode_of(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


async def claimed(cache: FileCache, key: str = "k") -> Claim:
    """Return the claim to a key, which is free."""
    claim = await cache.claim(key)
    assert claim is not None
    return claim


# Values, file modes and expiry


async def test_another_object_on_the_path_shares_the_values(cache: FileCache, path: Path) -> None:
    """Another object on the same path reads the values, and sees that they were deleted."""
    await cache.set("k", SECRET, None)
    assert await FileCache(str(path)).get("k") == SECRET
    await FileCache(path).delete("k")
    assert await cache.get("k") is None


async def test_reading_does_not_create_the_directory(cache: FileCache, path: Path) -> None:
    """Only writing and claiming create the directory."""
    assert await cache.get("k") is None
    await cache.delete("k")
    await cache.wait("k", 0.01)
    assert await cache.holder("k") is None
    assert not path.exists()


@pytest.mark.rule("R080")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_files_are_private_to_the_user(cache: FileCache, path: Path, umask: int) -> None:
    """The modes do not depend on the umask, and file names do not show keys.

    The parents that are created are private, too: their owner chooses which directory is used.
    """
    before = os.umask(umask)
    try:
        claim = await claimed(cache, "my-login")
        await claim.replace(SECRET, None)
    finally:
        os.umask(before)
    assert (mode_of(path), mode_of(path.parent)) == (DIRECTORY_MODE, DIRECTORY_MODE)
    assert [mode_of(file) for file in path.iterdir()] == [FILE_MODE] * 3
    assert (DIRECTORY_MODE, FILE_MODE) == (0o700, 0o600)
    assert "my-login" not in str(list(path.iterdir()))


@pytest.mark.rule("R080")
async def test_next_write_restores_the_file_mode(cache: FileCache, path: Path) -> None:
    """A changed file mode does not outlive the next write."""
    await cache.set("k", "1", None)
    file_in(path).chmod(0o666)
    await cache.set("k", "2", None)
    assert mode_of(file_in(path)) == 0o600


async def test_path_can_be_relative_or_start_with_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``~`` is expanded, and a relative path is resolved when the cache is made."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    home, relative = FileCache("~/tokens"), FileCache("tokens")
    monkeypatch.chdir("/")
    await home.set("k", "1", None)
    await relative.set("k", "2", None)
    assert (tmp_path / "home" / "tokens").is_dir()
    assert (tmp_path / "tokens").is_dir()


@pytest.mark.parametrize("path", ["", "~nobody-of-that-name/tokens"])
def test_empty_path_and_unknown_home_are_refused(path: str) -> None:
    """An unset variable does not put tokens into the current directory."""
    with pytest.raises(TokenConfigurationError, match="FileCache"):
        FileCache(path)


class WallClock:
    """A wall clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000.0
        stopped = SimpleNamespace(time=lambda: self.now)
        monkeypatch.setattr("aioalf.caches.file.time", stopped)


async def test_value_expires_by_the_wall_clock(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value is kept until its expiry; a value without a ttl stays."""
    clock = WallClock(monkeypatch)
    await cache.set("k", "1", 10)
    await cache.set("for good", "2", None)
    await cache.set("for good, too", "3", math.inf)
    clock.now += 9.9
    assert await cache.get("k") == "1"
    clock.now += 1e9
    assert await cache.get("k") is None
    assert (await cache.get("for good"), await cache.get("for good, too")) == ("2", "3")


async def test_clock_that_is_set_back_loses_no_value(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value is readable before its time of writing, and again after the clock was wrong."""
    clock = WallClock(monkeypatch)
    await cache.set("k", "1", 10)
    clock.now -= 1e6
    assert await cache.get("k") == "1"
    clock.now += 2e6
    assert await cache.get("k") is None
    clock.now -= 1e6
    assert await cache.get("k") == "1"


async def test_repr_shows_the_path_and_no_value(cache: FileCache, path: Path) -> None:
    """The repr has only the path."""
    await cache.set("k", SECRET, None)
    assert repr(cache) == f"<FileCache {str(path)!r}>"


# Damaged files


def foreign_version(content: bytes) -> bytes:
    """Return the content as another version would have written it."""
    return json.dumps({**json.loads(content), "version": 99}).encode()


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda content: content[:-1],
    lambda content: content[: len(content) // 2],
    lambda content: content + b"}",
    lambda content: b"\0" * len(content),
    lambda content: content.replace(b'"key":"k"', b'"key":"x"'),
    foreign_version,
    lambda _: b" " * (MAX_BYTES + 1),
]
DAMAGE_NAMES = ["empty", "cut", "halved", "longer", "zeroed", "of_another_key", "version", "huge"]


@pytest.mark.rule("R080")
@pytest.mark.parametrize("damage", DAMAGES, ids=DAMAGE_NAMES)
async def test_damaged_file_is_ignored_with_one_warning(
    cache: FileCache,
    path: Path,
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A damaged file reads as "", a file of another version as None; the next write replaces it.

    The log has one warning, which does not quote the file.
    """
    await cache.set("k", SECRET, None)
    file = file_in(path)
    file.write_bytes(damage(file.read_bytes()))
    expected = None if damage is foreign_version else ""
    assert [await cache.get("k") for _ in range(3)] == [expected] * 3
    [record] = caplog.records
    assert (record.levelno, str(file) in record.getMessage()) == (logging.WARNING, True)
    assert SECRET not in caplog.text
    await cache.set("k", "new", None)
    assert await cache.get("k") == "new"


async def test_file_that_is_damaged_again_is_reported_again(
    cache: FileCache, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A second warning is logged if the file was deleted or repaired in between."""
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


async def test_named_pipe_in_place_of_a_file_does_not_block(cache: FileCache, path: Path) -> None:
    """A named pipe is a damaged file; reading it does not wait for a writer."""
    await cache.set("k", SECRET, None)
    file = file_in(path)
    file.unlink()
    os.mkfifo(file)
    # If the cache does wait, this ends the wait, and the test fails instead of hanging.
    rescue = threading.Timer(5, lambda: os.close(os.open(file, os.O_RDWR)))
    rescue.start()
    assert await cache.get("k") == ""
    assert not rescue.finished.is_set()
    rescue.cancel()


# Directories and files that cannot be trusted or used


async def assert_refused(cache: FileCache, reason: str) -> None:
    """Check that all methods raise CacheError with this reason."""
    for action in (
        cache.get("k"),
        cache.set("k", SECRET, None),
        cache.delete("k"),
        cache.claim("k"),
        cache.wait("k", 1),
        cache.holder("k"),
    ):
        with pytest.raises(CacheError, match=reason) as caught:
            await action
        assert SECRET not in str(caught.value)


async def test_symbolic_link_in_place_of_the_directory_is_refused(
    cache: FileCache, path: Path, tmp_path: Path
) -> None:
    """The owner of a link must not choose which directory is used."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    path.parent.mkdir()
    path.symlink_to(elsewhere)
    await assert_refused(cache, "it is a symbolic link; give the path of the directory itself")
    assert not list(elsewhere.iterdir())


async def test_dangling_symbolic_link_is_refused(
    cache: FileCache, path: Path, tmp_path: Path
) -> None:
    """The target of the link is not created."""
    path.parent.mkdir()
    path.symlink_to(tmp_path / "nowhere")
    await assert_refused(cache, "symbolic link|in place of a directory")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
async def test_directory_that_others_can_write_to_is_refused(
    cache: FileCache, path: Path, mode: int
) -> None:
    """A user who can replace a file chooses whose tokens are used."""
    path.mkdir(parents=True)
    path.chmod(mode)
    await assert_refused(cache, "others can write to it; run chmod 700 on it")
    assert not list(path.iterdir())


async def test_directory_that_others_can_list_keeps_its_mode(cache: FileCache, path: Path) -> None:
    """Other users can neither read nor replace files in such a directory, so it is accepted."""
    path.mkdir(parents=True)
    path.chmod(0o755)
    await cache.set("k", SECRET, None)
    assert (mode_of(path), mode_of(file_in(path))) == (0o755, 0o600)


async def test_directory_of_another_user_is_refused(
    cache: FileCache, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other user could read and replace the files."""
    path.mkdir(0o700, parents=True)
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    await assert_refused(cache, "it belongs to another user; choose another path")


async def test_file_in_place_of_the_directory_is_refused(cache: FileCache, path: Path) -> None:
    """The file is not changed."""
    path.parent.mkdir()
    path.write_text("mine")
    await assert_refused(cache, "choose another path")
    assert path.read_text() == "mine"


async def test_symbolic_link_in_place_of_a_file_is_not_followed(
    cache: FileCache, path: Path, tmp_path: Path
) -> None:
    """Reading raises; writing replaces the link and does not change its target."""
    await cache.set("k", SECRET, None)
    file = file_in(path)
    file.rename(tmp_path / "moved")
    file.symlink_to(tmp_path / "moved")
    with pytest.raises(CacheError, match="there is a symbolic link in place of a file: remove it"):
        await cache.get("k")
    await cache.set("k", "new", None)
    assert (await cache.get("k"), file.is_symlink()) == ("new", False)
    assert SECRET in (tmp_path / "moved").read_text()


async def test_file_of_another_user_is_refused(
    cache: FileCache, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user may have put a login there before the directory was made private.

    Reading raises, so that a login is not replaced unseen; writing replaces the file.
    """
    await cache.set("k", SECRET, None)
    fstat = os.fstat

    def of_another(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        owner = found.st_uid + stat.S_ISREG(found.st_mode)
        return os.stat_result((*found[:4], owner, *found[5:]))

    with monkeypatch.context() as planted:
        planted.setattr(os, "fstat", of_another)
        with pytest.raises(CacheError, match="it belongs to another user; remove it") as caught:
            await cache.get("k")
    assert (str(file_in(path)) in str(caught.value), SECRET in str(caught.value)) == (True, False)
    await cache.set("k", "new", None)
    assert await cache.get("k") == "new"


class Swap:
    """Puts another directory in the place of the cache's just before `name` is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, other: Path, name: str) -> None:
        self._path, self._other, self._name = path, other, name
        self._open = os.open
        self.is_done = False
        monkeypatch.setattr(os, "open", self)

    def __call__(  # noqa: D102 - has the signature of os.open
        self, path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> int:
        if Path(path).name == self._name and not self.is_done:
            self._path.rename(self._path.with_name("moved"))
            self._other.rename(self._path)
            self.is_done = True
        return self._open(path, flags, mode, dir_fd=dir_fd)


async def test_directory_that_takes_the_place_after_the_check_is_not_used(
    cache: FileCache, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who can rename a parent cannot plant a login: the checked directory is read."""
    other = tmp_path / "other"
    await cache.set("k", SECRET, None)
    await FileCache(other).set("k", "planted", None)
    swap = Swap(monkeypatch, path, other, file_in(path).name)
    assert await cache.get("k") == SECRET
    assert swap.is_done


@pytest.mark.parametrize("kind", ["directory", "link"])
async def test_directory_that_takes_the_place_during_the_check_is_refused(
    cache: FileCache, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The directory that was opened is checked, whatever had its path before."""
    other = tmp_path / "other"
    await cache.set("k", SECRET, None)
    await FileCache(other).set("k", "planted", None)
    other.chmod(0o777)
    if kind == "link":
        other = tmp_path / "link"
        other.symlink_to(tmp_path / "other")
    swap = Swap(monkeypatch, path, other, path.name)
    with pytest.raises(CacheError, match=r"others can write to it|in place of a directory"):
        await cache.get("k")
    assert swap.is_done


async def test_directory_in_place_of_a_file_raises(cache: FileCache, path: Path) -> None:
    """Reading, writing and deleting raise CacheError and leave no other file."""
    await cache.set("k", SECRET, None)
    file = file_in(path)
    file.unlink()
    file.mkdir()
    for action in (cache.get("k"), cache.set("k", SECRET, None), cache.delete("k")):
        with pytest.raises(CacheError):
            await action
    assert [entry.name for entry in path.iterdir()] == [file.name]


def failing(number: int) -> Callable[..., object]:
    """Return a function that fails like a system call, with this errno."""

    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


WRITE_ERRORS = [
    (errno.ENOSPC, "the disk is full: free some space"),
    (errno.EDQUOT, "the disk quota is used up: free some space"),
    (errno.EROFS, "its file system is read-only: choose another path"),
    (errno.EACCES, "let this user read and write it"),
    (errno.EIO, "choose another path"),
]


@pytest.mark.rule("R080")
@pytest.mark.parametrize("call", ["os.fsync", "os.open", "os.replace"])
@pytest.mark.parametrize(("number", "advice"), WRITE_ERRORS)
async def test_failed_write_keeps_the_old_value(
    cache: FileCache,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    advice: str,
) -> None:
    """If the disk is full or read-only, the old value stays, and no unfinished file is left."""
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
    """Limit the files of this process to 4 KiB, so that writes end in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.rule("R080")
@pytest.mark.usefixtures("small_files")
async def test_incomplete_write_keeps_the_old_value(cache: FileCache, path: Path) -> None:
    """If only a part can be written, the old value stays, and no unfinished file is left."""
    await cache.set("k", "old", None)
    with pytest.raises(CacheError, match="could not be written"):
        await cache.set("k", SECRET * 1000, None)
    assert await cache.get("k") == "old"
    assert len(list(path.iterdir())) == 1


@pytest.mark.rule("R080")
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
async def test_unreadable_file_raises(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """An unreadable file is an error, not a missing login: no new sign-in is started."""
    await cache.set("k", SECRET, None)
    with monkeypatch.context() as broken:
        broken.setattr("os.open", failing(number))
        with pytest.raises(CacheError, match="could not be read"):
            await cache.get("k")
    assert await cache.get("k") == SECRET


async def test_directory_that_cannot_be_created_raises(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a read-only disk, writing and claiming raise, and reading finds nothing."""
    monkeypatch.setattr(os, "mkdir", failing(errno.EROFS))
    assert await cache.get("k") is None
    for action in (cache.set("k", SECRET, None), cache.claim("k")):
        with pytest.raises(CacheError, match=r"could not be created .* read-only"):
            await action


async def test_value_that_is_too_large_is_refused(cache: FileCache) -> None:
    """Writing raises CacheError, and the old value stays."""
    await cache.set("k", "old", None)
    with pytest.raises(CacheError, match="too large"):
        await cache.set("k", "x" * MAX_BYTES, None)
    assert await cache.get("k") == "old"


def test_cache_error_can_be_copied_and_pickled() -> None:
    """Waiting callers get copies of the error, and it can be sent to another process."""
    error = CacheError("what to do")
    for error_copy in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert (type(error_copy), str(error_copy)) == (CacheError, "what to do")


# Killed and cancelled writers


SWEPT = f"{'0123456789abcdef' * 4}.json.{'0123456789abcdef'}.tmp"


def make_old(file: Path) -> Path:
    """Create a file that was written more than an hour ago."""
    file.parent.mkdir(0o700, parents=True, exist_ok=True)
    file.write_text(SECRET)
    os.utime(file, (0, time.time() - 3700))
    return file


async def test_unfinished_file_of_a_killed_writer_is_removed(cache: FileCache, path: Path) -> None:
    """It is removed after an hour; a newer file may belong to a running process."""
    old, young = make_old(path / SWEPT), path / f"f{SWEPT[1:]}"
    young.write_text(SECRET)
    await cache.set("k", "1", None)
    assert (old.exists(), young.exists()) == (False, True)
    os.utime(young, (0, 0))
    await FileCache(path).delete("k")
    assert not list(path.iterdir())


async def test_files_of_others_are_not_removed(cache: FileCache, path: Path) -> None:
    """Only names that a FileCache makes are removed: a user may keep other files beside them."""
    names = ["thesis.tmp", ".hidden.tmp", "k.json.tmp", SWEPT[1:], SWEPT.upper(), f"{SWEPT}.tmp"]
    kept = {make_old(path / name) for name in names}
    await cache.set("k", "1", None)
    assert kept < set(path.iterdir())


async def test_file_that_cannot_be_removed_does_not_keep_the_others(
    cache: FileCache, path: Path
) -> None:
    """The unfinished files of killed writers hold tokens, so as many as possible are removed."""
    names = [f"{digit}{SWEPT[1:]}" for digit in "12345678"]
    for name in names:
        make_old(path / name)
    first = next(path.iterdir())
    first.unlink()
    first.mkdir()
    os.utime(first, (0, 0))
    await cache.set("k", "1", None)
    assert {*path.iterdir()} == {first, file_in(path)}


async def test_directory_is_searched_once_an_hour(
    cache: FileCache, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searching a directory of many keys at each write would make each write slow."""
    now = 1_000_000.0
    clock = SimpleNamespace(monotonic=lambda: now, time=time.time)
    monkeypatch.setattr("aioalf.caches._private_directory.time", clock)
    await cache.set("k", "1", None)
    old = make_old(path / SWEPT)
    now += 3599
    await cache.set("k", "2", None)
    await cache.delete("k")
    assert old.exists()
    now += 1
    await cache.set("k", "3", None)
    assert not old.exists()


async def test_cancelled_write_takes_effect_before_the_next_write(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller leaves at once; the write goes on, and cannot undo a later write."""
    began, go_on = threading.Event(), threading.Event()
    sync = os.fsync

    def slow(descriptor: int) -> None:
        began.set()
        assert go_on.wait(10)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    task = asyncio.create_task(cache.set("k", "1", None))
    await asyncio.to_thread(began.wait)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()
    last = asyncio.create_task(cache.set("k", "2", None))
    go_on.set()
    await last
    assert await cache.get("k") == "2"


# Other systems, and a missing extra


async def test_replace_is_retried_on_windows(
    cache: FileCache, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, a file cannot be replaced while it is read, and modes are not checked."""
    replace, refusals = os.replace, [PermissionError(), PermissionError()]

    def busy(source: str, target: str, *, src_dir_fd: None, dst_dir_fd: None) -> None:
        if refusals:
            raise refusals.pop()
        replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr("aioalf.caches._open_directory._IS_WINDOWS", True)
    monkeypatch.setattr("aioalf.caches._file_modes._IS_WINDOWS", True)
    monkeypatch.setattr(os, "replace", busy)
    path.mkdir(parents=True)
    path.chmod(0o777)
    claim = await claimed(cache)
    assert await claim.replace("1", None)
    assert (await cache.get("k"), refusals) == ("1", [])
    await claim.release()
    await cache.delete("k")
    assert {file.suffix for file in path.iterdir()} <= {".lock"}


async def test_retries_on_windows_are_limited(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that stays busy raises CacheError."""
    monkeypatch.setattr("aioalf.caches._open_directory._IS_WINDOWS", True)
    monkeypatch.setattr("aioalf.caches._open_directory._TRIES_ON_WINDOWS", 2)
    monkeypatch.setattr(os, "replace", failing(errno.EACCES))
    with pytest.raises(CacheError, match="let this user read and write it"):
        await cache.set("k", "1", None)


async def test_file_system_that_cannot_sync_a_directory_is_accepted(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file itself is synced; the system writes the directory entry later."""
    sync = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not supported")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    await cache.set("k", "1", None)
    assert await cache.get("k") == "1"


def test_error_without_filelock_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor raises, and the error has the command to run."""
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(TokenConfigurationError, match=r"pip install 'aio-alf\[cache\]'"):
        FileCache("tokens")


def test_importing_the_package_does_not_import_filelock() -> None:
    """The extra is imported when a FileCache is constructed."""
    program = "import sys, aioalf.caches; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert "filelock" not in run.stdout.decode().split()
