"""A directory that only its user can write to, with files that are replaced atomically.

All calls block. This module must not know event loops, locks or the content of the files.
"""

from __future__ import annotations

import errno
import math
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from aioalf.caches._file_modes import DIRECTORY_MODE, reason_not_to_read, reason_not_to_trust
from aioalf.caches._open_directory import OpenDirectory
from aioalf.errors import CacheError

_HOUR: Final = 3600.0
"""Age in seconds at which the writer of an unfinished file is assumed to be dead."""

_UNSUPPORTED: Final = "its file system does not support this: choose a path on another one"
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
    errno.ENOSYS: _UNSUPPORTED,
    errno.ENOLCK: _UNSUPPORTED,
    errno.ENOTSUP: _UNSUPPORTED,
    errno.EOPNOTSUPP: _UNSUPPORTED,
}


class PrivateDirectory:
    """A directory and files with the modes of `_file_modes`, on systems that have modes.

    The directory is created on the first write. A directory that is a symbolic link, belongs to
    another user or can be written to by others is refused. `what` names the directory in errors.
    All methods raise CacheError.
    """

    def __init__(self, path: Path, what: str = "token cache") -> None:
        self.path = path
        self._what = what
        self._next_search = -math.inf

    def prepare(self) -> None:
        """Create the directory and its parents if they are missing."""
        with self.explain_errors("created"):
            try:
                with self.opened():
                    return
            except FileNotFoundError:
                # `Path.mkdir` would create parents that others can write to.
                for path in (*reversed(self.path.parents), self.path):
                    path.mkdir(DIRECTORY_MODE, exist_ok=True)
            with self.opened():
                pass

    def read(self, name: str, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file; None if there is no such file."""
        with self.explain_errors("read"):
            try:
                with self.opened() as directory, directory.open(name, "rb") as file:
                    reason = reason_not_to_read(os.fstat(file.fileno()))
                    _refuse_because_of(reason, f"file {self.path / name}")
                    return file.read(limit)
            except FileNotFoundError:
                return None

    def replace(self, name: str, content: bytes) -> None:
        """Write a file, completely or not at all. It is on the disk when this method returns."""
        self.prepare()
        with self.explain_errors("written"), self.opened() as directory:
            unfinished = f"{name}.{secrets.token_hex(8)}.tmp"
            try:
                with directory.open(unfinished, "xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                directory.replace(unfinished, name)
            except BaseException:
                with suppress(OSError):
                    directory.remove(unfinished)
                raise
            directory.sync()

    def remove(self, name: str) -> None:
        """Remove a file, if it exists. It is removed from the disk when this method returns."""
        with (
            self.explain_errors("written"),
            suppress(FileNotFoundError),
            self.opened() as directory,
        ):
            directory.remove(name)
            directory.sync()

    def remove_abandoned(self, names: re.Pattern[str]) -> None:
        """Remove the files of killed processes whose names match, since they hold tokens, too.

        Searches once an hour, because searching a large directory takes long.
        """
        if time.monotonic() < self._next_search:
            return
        self._next_search = time.monotonic() + _HOUR
        with suppress(OSError), self.opened() as directory:
            for name in filter(names.fullmatch, directory.names()):
                with suppress(OSError):
                    if directory.stat(name).st_mtime < time.time() - _HOUR:
                        directory.remove(name)

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

    @contextmanager
    def opened(self) -> Iterator[OpenDirectory]:
        """Open the directory. Raises FileNotFoundError, and CacheError if it cannot be trusted."""
        what = f"{self._what} {self.path}"
        _refuse_because_of(reason_not_to_trust(self.path.lstat()), what)
        with OpenDirectory(self.path) as directory:
            # Another directory may have taken the path since the first check.
            _refuse_because_of(reason_not_to_trust(directory.own_stat()), what)
            yield directory


def _refuse_because_of(reason: str, what: str) -> None:
    if reason:
        raise CacheError(f"The {what} is not used: {reason}")
