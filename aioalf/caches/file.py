"""The token cache of a user's processes: a directory with a file and a lock for each key.

It knows nothing of tokens. `directory` does the files, `envelope` says what is in them.
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

from aioalf.caches._file_format import LARGEST, DamagedError, OtherVersionError, seal, unseal
from aioalf.caches._key_locks import KeyLocks
from aioalf.caches._private_directory import PrivateDirectory
from aioalf.caches._threads import in_thread
from aioalf.errors import CacheError, TokenConfigurationError

if TYPE_CHECKING:
    from filelock import BaseFileLock

logger: logging.Logger = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.1

# One for all: another object on the same directory is no way for a task to wait for itself.
_LOCKS: Final = KeyLocks()


class FileCache:
    """Keeps what was granted in files, for the processes of one user on one machine.

    ``path`` is a directory, made on first use with mode 0700; ``~`` is the home directory. Each key
    has a file of its own, of mode 0600: a write to one leaves the others as they are, a damaged one
    costs one login and not all, and nobody waits for who renews another. The tokens are in the
    clear, as passwords in a file are. Forget them all by removing the directory while none uses it.

    A file that is damaged, or that another version wrote, is taken for none, with a warning in the
    log, and replaced by the next write. Time is the wall clock's: one that is set back keeps an
    entry longer and loses none. Locks are the operating system's, and free when their holder dies.

    Needs ``aio-alf[cache]``; raises TokenConfigurationError without it, or without a path. Its
    methods raise CacheError where files cannot be read, written or locked.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        _lock_class()
        self._directory = PrivateDirectory(_absolute(path))
        self._damaged: set[str] = set()

    async def get(self, key: str) -> str | None:
        """Return the value, None when there is none or its time is over, "" for a damaged one."""
        name = _name_of(key)
        content = await in_thread(lambda: self._directory.read(f"{name}.json", LARGEST + 1))
        if content is None:
            return None
        try:
            value = unseal(content, key, time.time())
        except DamagedError as error:
            self._tell(name, error)
            return None if isinstance(error, OtherVersionError) else ""
        self._damaged.discard(name)
        return value

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Keep a value for ``ttl`` seconds, None for good; on return it is on the disk."""
        if ttl is not None and not ttl > 0:
            await self.delete(key)
            return
        name = _name_of(key)
        expires_on = None if ttl is None or ttl == math.inf else time.time() + ttl
        content = seal(key, value, expires_on)
        if len(content) > LARGEST:
            raise CacheError(f"A value of {len(content)} bytes is too large for the token cache")
        await in_thread(lambda: self._directory.replace(f"{name}.json", content))
        self._damaged.discard(name)

    async def delete(self, key: str) -> None:
        """Forget the value."""
        name = _name_of(key)
        await in_thread(lambda: self._directory.remove(f"{name}.json"))
        self._damaged.discard(name)

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key among all tasks and processes that use this directory."""
        path = self._directory.path / f"{_name_of(key)}.lock"
        async with _LOCKS.hold(str(path)):
            lock = _lock_class()(path, mode=0o600, thread_local=False)
            try:
                await self._acquire(lock)
                yield
            finally:
                # Also after a try that was cancelled and succeeded; without a lock, nothing.
                await in_thread(partial(self._release, lock))

    async def _acquire(self, lock: BaseFileLock) -> None:
        pause = _FIRST_PAUSE
        while not await in_thread(partial(self._try, lock)):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try(self, lock: BaseFileLock) -> bool:
        from filelock import Timeout  # noqa: PLC0415 - see `_lock_class`

        self._directory.prepare()
        with self._directory.explained("locked"):
            try:
                lock.acquire(blocking=False)
            except Timeout:
                return False
        return True

    def _release(self, lock: BaseFileLock) -> None:
        with self._directory.explained("unlocked"):
            lock.release()

    def _tell(self, name: str, error: DamagedError) -> None:
        if name not in self._damaged:
            self._damaged.add(name)
            path = self._directory.path / f"{name}.json"
            logger.warning("The token cache's file %s is taken for none: %s", path, error)

    def __repr__(self) -> str:
        return f"<FileCache {str(self._directory.path)!r}>"


def _name_of(key: str) -> str:
    # A key may be longer than a file's name may be, and hold what none may hold.
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _absolute(path: str | os.PathLike[str]) -> Path:
    if not os.fspath(path):
        raise TokenConfigurationError("FileCache needs the path of a directory; it was given none")
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise TokenConfigurationError(f"FileCache({str(path)!r}): no such home") from error


def _lock_class() -> type[BaseFileLock]:
    try:
        from filelock import FileLock  # noqa: PLC0415 - its import is felt, and few need it
    except ImportError as error:
        raise TokenConfigurationError(
            "FileCache needs the package filelock: pip install 'aio-alf[cache]'"
        ) from error
    return FileLock
