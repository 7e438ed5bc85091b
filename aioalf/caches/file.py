"""A token cache in files, for the processes of one user: one file and one lock file for each key.

`_file_modes` has the file modes, `_file_format` the format, `_private_directory` the operations on
files, and `_file_claims` those on claims. This module must not know tokens.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import re
import secrets
import time
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aioalf._cache_protocol import Claim
from aioalf._error_frames import hide_locals_on_error
from aioalf.caches._file_claims import FileClaims
from aioalf.caches._file_format import MAX_BYTES, DamagedError, OtherVersionError, decode, encode
from aioalf.caches._private_directory import PrivateDirectory
from aioalf.caches._threads import WorkerThread
from aioalf.errors import CacheError, TokenConfigurationError

if TYPE_CHECKING:
    from filelock import BaseFileLock

logger: logging.Logger = logging.getLogger(__name__)

_UNFINISHED: Final = re.compile(r"[0-9a-f]{64}\.json\.[0-9a-f]{16}\.tmp")
_FIRST_PAUSE: Final = 0.005
_MAX_PAUSE: Final = 0.05
_MAX_WAIT: Final = 0.25
"""The seconds after which `wait` returns, because a killed process gives no claim back."""


class FileCache:
    """Keep logins in files, for the processes of one user on one machine.

    The directory is created with mode 0700 when it is first written to; each key has its own file,
    with mode 0600. Tokens are stored unencrypted. To remove all logins, delete the directory while
    no program uses it.

    A file that is damaged, or that another version of aio-alf wrote, is ignored with a warning in
    the log, and the next write replaces it. Expiry is measured with the wall clock: if the clock is
    set back, entries are kept longer and none is lost.

    A claim is a lock of the operating system. It is free when its process dies, and it cannot be
    lost before. Files are used in a thread that belongs to this object, one operation at a time.

    Needs the extra ``aio-alf[cache]``. All methods raise `CacheError` if files cannot be read,
    written or locked.

    Args:
        path: The directory; ``~`` is the home directory.

    Raises:
        TokenConfigurationError: The path is empty, its home directory does not exist, or the extra
            is not installed.
    """

    @hide_locals_on_error
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._directory = PrivateDirectory(_absolute(path))
        self._claims = FileClaims(self._directory, _lock_class())
        self._thread = WorkerThread("aioalf-file-cache")
        self._damaged: set[str] = set()

    async def get(self, key: str) -> str | None:
        """Return the value; None if it is missing or has expired; "" if it is damaged."""
        name = _file_stem(key)
        read = partial(self._directory.read, f"{name}.json", MAX_BYTES + 1)
        content = await self._thread.run(read)
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
        await self._thread.run(partial(self._replace, name, content))
        self._damaged.discard(name)

    async def delete(self, key: str) -> None:
        """Remove the value."""
        name = _file_stem(key)
        await self._thread.run(partial(self._remove, name))
        self._damaged.discard(name)

    async def claim(self, key: str) -> Claim | None:
        """Return the claim to a key; None if another task, object or process has it.

        Returns None also for 0.1 seconds after this object released the claim while others waited
        for it, so that they are not always too late.
        """
        claim = _FileClaim(self, key, self._claims, self._thread)
        try:
            return claim if await self._thread.run(claim.take) else None
        except asyncio.CancelledError:
            self._thread.start(claim.give_back)
            raise

    async def wait(self, key: str, timeout: float) -> None:
        """Return when the claim to a key is free or was released, or its value was replaced.

        Returns after 0.25 seconds at the latest, since a killed process gives no claim back.
        """
        look = partial(self._claims.look, _file_stem(key))
        now = asyncio.get_running_loop().time
        end = now() + min(timeout, _MAX_WAIT * _jitter())
        pause = _FIRST_PAUSE
        before = await self._thread.run(look)
        while (remaining := end - now()) > 0:
            await asyncio.sleep(min(pause * _jitter(), remaining))
            state = await self._thread.run(look)
            if state.is_free or state != before:
                return
            pause = min(2 * pause, _MAX_PAUSE)

    async def holder(self, key: str) -> str | None:
        """Describe the process that has the claim or was killed with it; None if it is free."""
        return await self._thread.run(partial(self._claims.holder, _file_stem(key)))

    def _replace(self, name: str, content: bytes) -> None:
        self._directory.replace(f"{name}.json", content)
        self._directory.remove_abandoned(_UNFINISHED)

    def _remove(self, name: str) -> None:
        self._directory.remove(f"{name}.json")
        self._directory.remove_abandoned(_UNFINISHED)

    def _warn_once(self, name: str, error: DamagedError) -> None:
        if name not in self._damaged:
            self._damaged.add(name)
            path = self._directory.path / f"{name}.json"
            logger.warning("The token cache file %s is ignored: %s", path, error)

    def __repr__(self) -> str:
        return f"<FileCache {str(self._directory.path)!r}>"


class _FileClaim:
    """A claim of a `FileCache`. It is held until it is released, or its process ends."""

    def __init__(
        self, cache: FileCache, key: str, claims: FileClaims, thread: WorkerThread
    ) -> None:
        self._cache = cache
        self._key = key
        self._claims = claims
        self._thread = thread
        self._lock: BaseFileLock | None = None
        self._process = os.getpid()
        self._is_released = False

    def take(self) -> bool:
        self._lock = self._claims.take(_file_stem(self._key))
        return self._lock is not None

    def give_back(self) -> None:
        """Give the claim back if it was taken. Blocks. Never raises."""
        try:
            if self._lock is not None:
                self._claims.give_back(_file_stem(self._key), self._lock)
        except Exception as error:  # noqa: BLE001 - the holder cannot do anything about it
            logger.debug("A claim to a key of %r was not released: %s", self._cache, error)

    @property
    def is_held(self) -> bool:
        """Whether the claim was not released. A forked process does not hold it."""
        return not self._is_released and self._process == os.getpid()

    async def replace(self, value: str, ttl: float | None) -> bool:
        """Store a value like `FileCache.set`; return False if the claim was released."""
        if not self.is_held:
            return False
        await self._cache.set(self._key, value, ttl)
        return True

    async def remove(self) -> bool:
        """Remove the value like `FileCache.delete`; return False if the claim was released."""
        if not self.is_held:
            return False
        await self._cache.delete(self._key)
        return True

    async def release(self) -> None:
        """Give the claim back, after the operations that this claim has started."""
        if self.is_held:
            self._is_released = True
            await self._thread.run(self.give_back)


def _file_stem(key: str) -> str:
    # A hash, because a key may be too long for a file name or contain forbidden characters.
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _jitter() -> float:
    return secrets.SystemRandom().uniform(0.8, 1)


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
