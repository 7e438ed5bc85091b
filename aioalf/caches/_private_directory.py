"""A directory that only its user can write to, with files that are replaced atomically.

All calls block. This module must not know event loops, locks or the content of the files.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from aioalf.caches._file_modes import DIRECTORY_MODE, FILE_MODE, reason_not_to_trust
from aioalf.errors import CacheError

Result = TypeVar("Result")

_IS_WINDOWS: Final = os.name == "nt"
_NOFOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK: Final[int] = getattr(os, "O_NONBLOCK", 0)  # reading a named pipe would block
_UNFINISHED: Final = ".tmp"
_TRIES_ON_WINDOWS: Final = 50
_ABANDONED_AFTER: Final = 3600.0
"""Age in seconds at which the writer of an unfinished file is assumed to be dead."""

_ADVICE: Final = {
    errno.EACCES: "let this user read and write it, or choose another path",
    errno.EPERM: "let this user read and write it, or choose another path",
    errno.EROFS: "its file system is read-only: choose another path",
    errno.ENOSPC: "the disk is full: free some space, or choose another path",
    errno.EDQUOT: "the disk quota is used up: free some space, or choose another path",
    errno.ELOOP: "there is a symbolic link in place of a file: remove it",
    errno.EISDIR: "there is a directory in place of a file: remove it",
    errno.ENOTDIR: "there is a file in place of a directory: choose another path",
    errno.EEXIST: "there is a file in place of a directory: choose another path",
}


class PrivateDirectory:
    """A directory and files with the modes of `_file_modes`, on systems that have modes.

    The directory is created on the first write. A directory that is a symbolic link, belongs to
    another user or can be written to by others is refused. `what` names the directory in errors.
    """

    def __init__(self, path: Path, what: str = "token cache") -> None:
        self.path = path
        self._what = what

    def prepare(self) -> None:
        """Create the directory if it is missing. Raises CacheError if it cannot be trusted."""
        with self.explain_errors("created"):
            self.path.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
        self.exists()

    def exists(self) -> bool:
        """Tell whether the directory exists. Raises CacheError if it cannot be trusted."""
        with self.explain_errors("read"):
            try:
                found = self.path.lstat()
            except FileNotFoundError:
                return False
        reason = reason_not_to_trust(found)
        if reason:
            raise CacheError(f"The {self._what} {self.path} is not used: {reason}")
        return True

    def read(self, name: str, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file; None if there is no such file."""
        if not self.exists():
            return None
        with self.explain_errors("read"):
            try:
                return _retry_on_windows(lambda: _read(self.path / name, limit))
            except FileNotFoundError:
                return None

    def replace(self, name: str, content: bytes) -> None:
        """Write a file, completely or not at all. It is on the disk when this method returns."""
        self.prepare()
        with self.explain_errors("written"):
            unfinished = self._write_unfinished(name, content)
            try:
                _retry_on_windows(lambda: unfinished.replace(self.path / name))
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
        self._sync()
        self._remove_abandoned()

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        if not self.exists():
            return
        with self.explain_errors("written"):
            _retry_on_windows(lambda: (self.path / name).unlink(missing_ok=True))
        self._sync()
        self._remove_abandoned()

    @contextmanager
    def explain_errors(self, done: str) -> Iterator[None]:
        """Turn an OSError into a CacheError that says what to do."""
        try:
            yield
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0, "choose another path")
            reason = error.strerror or type(error).__name__
            raise CacheError(
                f"The {self._what} {self.path} could not be {done} ({reason}): {advice}"
            ) from error

    def _write_unfinished(self, name: str, content: bytes) -> Path:
        path = self.path / f"{name}.{secrets.token_hex(8)}{_UNFINISHED}"
        file = open(path, "xb", opener=_create)  # noqa: SIM115 - closed below
        try:
            with file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _sync(self) -> None:
        # Write the directory entry to the disk. Windows and some file systems cannot do this.
        with suppress(OSError):
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _remove_abandoned(self) -> None:
        """Remove unfinished files of killed processes, since they hold tokens, too."""
        with suppress(OSError):
            for path in self.path.glob(f"*{_UNFINISHED}"):
                if path.lstat().st_mtime < time.time() - _ABANDONED_AFTER:
                    path.unlink(missing_ok=True)


def _create(path: str, flags: int) -> int:
    return os.open(path, flags | _NOFOLLOW, FILE_MODE)


def _open_to_read(path: str, flags: int) -> int:
    return os.open(path, flags | _NOFOLLOW | _NONBLOCK)


def _read(path: Path, limit: int) -> bytes:
    with open(path, "rb", opener=_open_to_read) as file:
        return file.read(limit)


def _retry_on_windows(work: Callable[[], Result]) -> Result:
    # Windows refuses to replace a file while it is being read, and the other way round.
    for _ in range(_TRIES_ON_WINDOWS if _IS_WINDOWS else 0):
        try:
            return work()
        except PermissionError:
            time.sleep(0.01)
    return work()
