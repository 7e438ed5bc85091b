"""The files of an open directory. All calls block. This module must not know who may use them.

Files are opened relative to a descriptor of the directory, so that another directory cannot take
its place meanwhile. Windows has no such descriptors; there, files are opened by their path.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Literal, Self, TypeVar

from aioalf.caches._file_modes import FILE_MODE

Result = TypeVar("Result")

_IS_WINDOWS: Final = os.name == "nt"
_DIRECTORY: Final[int] = getattr(os, "O_DIRECTORY", 0)
_NOFOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK: Final[int] = getattr(os, "O_NONBLOCK", 0)  # opening a named pipe would block
_TRIES_ON_WINDOWS: Final = 50


class OpenDirectory:
    """An open directory. Symbolic links are not followed. All methods raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_RDONLY | _DIRECTORY | _NOFOLLOW
        self._descriptor = None if _IS_WINDOWS else os.open(path, flags)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def own_stat(self) -> os.stat_result:
        return self._path.lstat() if self._descriptor is None else os.fstat(self._descriptor)

    def names(self) -> list[str]:
        with os.scandir(self._path if self._descriptor is None else self._descriptor) as entries:
            return [entry.name for entry in entries]

    def stat(self, name: str) -> os.stat_result:
        return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)

    def open(self, name: str, mode: Literal["rb", "wb", "xb"]) -> IO[bytes]:
        """Open a file. A new file has the mode of `_file_modes`."""
        return _retry_on_windows(lambda: open(self._at(name), mode, opener=self._open))

    def replace(self, source: str, target: str) -> None:
        at = self._descriptor
        _retry_on_windows(
            lambda: os.replace(self._at(source), self._at(target), src_dir_fd=at, dst_dir_fd=at)
        )

    def remove(self, name: str) -> None:
        _retry_on_windows(lambda: os.unlink(self._at(name), dir_fd=self._descriptor))

    def set_time(self, name: str, seconds: float) -> None:
        os.utime(self._at(name), (seconds, seconds), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Write the names of the files to the disk, on systems that can do this."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.fsync(self._descriptor)

    def _at(self, name: str) -> str:
        return str(self._path / name) if self._descriptor is None else name

    def _open(self, path: str, flags: int) -> int:
        flags |= _NOFOLLOW | _NONBLOCK
        return os.open(path, flags, FILE_MODE, dir_fd=self._descriptor)


def _retry_on_windows(work: Callable[[], Result]) -> Result:
    # Windows refuses to replace a file while it is being read, and the other way round.
    for _ in range(_TRIES_ON_WINDOWS if _IS_WINDOWS else 0):
        try:
            return work()
        except PermissionError:
            time.sleep(0.01)
    return work()
