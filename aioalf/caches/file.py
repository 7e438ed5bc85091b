"""A token cache in files, for the processes of one user: one file and one lock file for each key.

`_file_modes` has the file modes, `_file_format` the format, and `_private_directory` the file
operations. This module must not know tokens.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aioalf._key_locks import KeyLocks
from aioalf.caches._file_format import MAX_BYTES, DamagedError, OtherVersionError, decode, encode
from aioalf.caches._file_modes import FILE_MODE
from aioalf.caches._private_directory import PrivateDirectory
from aioalf.caches._threads import in_thread
from aioalf.errors import CacheError, TokenConfigurationError

if TYPE_CHECKING:
    from filelock import BaseFileLock

logger: logging.Logger = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.005
_MAX_PAUSE: Final = 0.1

# Shared by all objects, so that a task cannot wait for itself through a second FileCache on the
# same directory.
_LOCKS: Final = KeyLocks()


class FileCache:
    """Keep logins in files, for the processes of one user on one machine.

    The directory is created with mode 0700 when it is first written to; each key has its own file,
    with mode 0600. Tokens are stored unencrypted. To remove all logins, delete the directory while
    no program uses it.

    A file that is damaged, or that another version of aio-alf wrote, is ignored with a warning in
    the log, and the next write replaces it. Expiry is measured with the wall clock: if the clock is
    set back, entries are kept longer and none is lost. Locks are locks of the operating system, so
    they are released when their process dies.

    Needs the extra ``aio-alf[cache]``. All methods raise `CacheError` if files cannot be read,
    written or locked.

    Args:
        path: The directory; ``~`` stands for the home directory.

    Raises:
        TokenConfigurationError: The path is empty, its home directory does not exist, or the extra
            is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        _lock_class()
        self._directory = PrivateDirectory(_absolute(path))
        self._damaged: set[str] = set()

    async def get(self, key: str) -> str | None:
        """Return the value; None if it is missing or has expired; "" if it is damaged."""
        name = _file_stem(key)
        content = await in_thread(lambda: self._directory.read(f"{name}.json", MAX_BYTES + 1))
        if content is None:
            return None
        try:
            value = decode(content, key, time.time())
        except DamagedError as error:
            self._warn_once(name, error)
            return None if isinstance(error, OtherVersionError) else ""
        self._damaged.discard(name)
        return value

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a value for `ttl` seconds, or without expiry if `ttl` is None.

        The value is on the disk when this method returns.
        """
        if ttl is not None and not ttl > 0:
            await self.delete(key)
            return
        name = _file_stem(key)
        expires_on = None if ttl is None or ttl == math.inf else time.time() + ttl
        content = encode(key, value, expires_on)
        if len(content) > MAX_BYTES:
            raise CacheError(
                f"The value is too large for the token cache: {len(content)} bytes in its file, "
                f"and at most {MAX_BYTES} are allowed"
            )
        await in_thread(lambda: self._directory.replace(f"{name}.json", content))
        self._damaged.discard(name)

    async def delete(self, key: str) -> None:
        """Remove the value."""
        name = _file_stem(key)
        await in_thread(lambda: self._directory.remove(f"{name}.json"))
        self._damaged.discard(name)

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key among all tasks and processes that use this directory."""
        path = self._directory.path / f"{_file_stem(key)}.lock"
        async with _LOCKS.hold(str(path)):
            lock = _lock_class()(path, mode=FILE_MODE, thread_local=False)
            try:
                await self._acquire(lock)
                yield
            finally:
                # Needed also if `_acquire` was cancelled: its thread may have taken the lock.
                # Releasing a lock that is not held does nothing.
                await in_thread(partial(self._release, lock))

    async def _acquire(self, lock: BaseFileLock) -> None:
        pause = _FIRST_PAUSE
        while not await in_thread(partial(self._try_to_acquire, lock)):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)

    def _try_to_acquire(self, lock: BaseFileLock) -> bool:
        from filelock import Timeout

        self._directory.prepare()
        with self._directory.explain_errors("locked"):
            try:
                lock.acquire(blocking=False)
            except Timeout:
                return False
        return True

    def _release(self, lock: BaseFileLock) -> None:
        with self._directory.explain_errors("unlocked"):
            lock.release()

    def _warn_once(self, name: str, error: DamagedError) -> None:
        if name not in self._damaged:
            self._damaged.add(name)
            path = self._directory.path / f"{name}.json"
            logger.warning("The token cache file %s is ignored: %s", path, error)

    def __repr__(self) -> str:
        return f"<FileCache {str(self._directory.path)!r}>"


def _file_stem(key: str) -> str:
    # A hash, because a key may be too long for a file name or contain forbidden characters.
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _absolute(path: str | os.PathLike[str]) -> Path:
    if not os.fspath(path):
        raise TokenConfigurationError("The path of FileCache is empty: pass a directory")
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise TokenConfigurationError(
            f"FileCache({str(path)!r}): this home directory does not exist"
        ) from error


def _lock_class() -> type[BaseFileLock]:
    try:
        from filelock import FileLock
    except ImportError as error:
        raise TokenConfigurationError(
            "FileCache needs the package filelock: pip install 'aio-alf[cache]'"
        ) from error
    return FileLock
