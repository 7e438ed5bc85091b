"""The files of the file cache: one directory that is the user's own, and files replaced whole.

It blocks, and knows nothing of event loops, of locks and of what the files hold.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from aioalf.errors import CacheError

Result = TypeVar("Result")

_WINDOWS: Final = os.name == "nt"
_NOFOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK: Final[int] = getattr(os, "O_NONBLOCK", 0)  # a pipe in a file's place has no end
_SUFFIX: Final = ".tmp"
_TRIES_ON_WINDOWS: Final = 50
_LEFT_BEHIND: Final = 3600.0
"""The age in seconds at which an unfinished file's writer is taken for dead."""

_ADVICE: Final = {
    errno.EACCES: "let this user read and write it, or choose another path",
    errno.EPERM: "let this user read and write it, or choose another path",
    errno.EROFS: "its file system is read-only: choose another path",
    errno.ENOSPC: "the disk is full: make room, or choose another path",
    errno.EDQUOT: "the disk quota is used up: make room, or choose another path",
    errno.ELOOP: "a symbolic link is in its place: remove it",
    errno.EISDIR: "a directory is in the place of a file: remove it",
    errno.ENOTDIR: "a file is in the place of a directory: choose another path",
    errno.EEXIST: "a file is in the place of a directory: choose another path",
}


class PrivateDirectory:
    """A directory of mode 0700 with files of mode 0600, where the system has modes.

    It is made when it is first written to. One that is a symbolic link, another user's, or open to
    others' writing is refused: who can replace its files chooses whose tokens are used. Errors call
    it `what` it is.
    """

    def __init__(self, path: Path, what: str = "token cache") -> None:
        self.path = path
        self._what = what

    def prepare(self) -> None:
        """Make it where it is missing. Raises CacheError for one that cannot be trusted."""
        with self.explained("made"):
            self.path.mkdir(0o700, parents=True, exist_ok=True)
        self.exists()

    def exists(self) -> bool:
        """Tell whether it is there. Raises CacheError for one that cannot be trusted."""
        with self.explained("read"):
            try:
                found = self.path.lstat()
            except FileNotFoundError:
                return False
        problem = _problem_of(found)
        if problem:
            raise CacheError(f"The {self._what} {self.path} is not used: {problem}")
        return True

    def read(self, name: str, limit: int) -> bytes | None:
        """Return at most so many bytes of a file, None when there is none."""
        if not self.exists():
            return None
        with self.explained("read"):
            try:
                return _patiently(lambda: _read(self.path / name, limit))
            except FileNotFoundError:
                return None

    def replace(self, name: str, content: bytes) -> None:
        """Put a file in the place of any other, on the disk itself, whole or not at all."""
        self.prepare()
        with self.explained("written"):
            unfinished = self._write(name, content)
            try:
                _patiently(lambda: unfinished.replace(self.path / name))
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
        self._sync()
        self._sweep()

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        if not self.exists():
            return
        with self.explained("written"):
            _patiently(lambda: (self.path / name).unlink(missing_ok=True))
        self._sync()
        self._sweep()

    @contextmanager
    def explained(self, done: str) -> Iterator[None]:
        """Raise a CacheError that says what to do in the place of an OSError."""
        try:
            yield
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0, "choose another path")
            reason = error.strerror or type(error).__name__
            raise CacheError(
                f"The {self._what} {self.path} could not be {done} ({reason}): {advice}"
            ) from error

    def _write(self, name: str, content: bytes) -> Path:
        descriptor, path = tempfile.mkstemp(_SUFFIX, f"{name}.", self.path)  # of mode 0600
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
                file.write(content)
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise
        return Path(path)

    def _sync(self) -> None:
        # Makes the new name last. Windows and some file systems cannot; their files are whole, too.
        with suppress(OSError):
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _sweep(self) -> None:
        """Remove what killed writers left, which holds tokens, too."""
        with suppress(OSError):
            for path in self.path.glob(f"*{_SUFFIX}"):
                if path.lstat().st_mtime < time.time() - _LEFT_BEHIND:
                    path.unlink(missing_ok=True)


def _problem_of(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link; give the path of the directory itself"
    if not stat.S_ISDIR(found.st_mode):
        return "it is no directory; choose another path"
    if _WINDOWS:  # which has access lists, not owners and modes
        return ""
    if found.st_uid != os.geteuid():
        return "it is another user's; choose another path"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others can write to it; chmod 700 it, if what it holds is yours"
    return ""


def _read(path: Path, limit: int) -> bytes:
    def opener(path: str, flags: int) -> int:
        return os.open(path, flags | _NOFOLLOW | _NONBLOCK)

    with open(path, "rb", opener=opener) as file:
        return file.read(limit)


def _patiently(work: Callable[[], Result]) -> Result:
    # Windows refuses to replace a file while it is read, and to read it while it is replaced.
    for _ in range(_TRIES_ON_WINDOWS if _WINDOWS else 0):
        try:
            return work()
        except PermissionError:
            time.sleep(0.01)
    return work()
