"""Storages of the implicit flow, and safe access to one that several token managers share.

Must not know browsers, grants or token managers: it loads, saves and cleans one access token.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

from aioalf._callbacks import await_if_needed
from aioalf._syntax import is_visible_ascii
from aioalf.errors import TokenConfigurationError, TokenError

logger: logging.Logger = logging.getLogger("aioalf.implicit")


class Storage(Protocol):
    """Keeps one access token, as a string. Each method may be a coroutine function.

    Methods may raise. Error messages and log lines then name the type of the exception only, since
    its text may contain the token:

    * ``load`` raises: the request fails with TokenError, whose ``__cause__`` is the exception.
    * ``save`` raises: a warning is logged, and the token is kept in memory.
    * ``clean`` raises: a warning is logged, and the stored token is not used again.
    """

    def save(self, token: str, /) -> Awaitable[None] | None:
        """Store the token."""

    def load(self) -> Awaitable[str | None] | str | None:
        """Return the stored token, or None."""

    def clean(self) -> Awaitable[None] | None:
        """Delete the stored token."""


class TokenStorage:
    """Keeps the access token in memory. Subclass it to keep the token for longer.

    Methods may be coroutine functions and may raise, see `Storage`.
    """

    def __init__(self) -> None:
        self.token: str | None = None

    def save(self, token: str) -> Awaitable[None] | None:
        """Store the token."""
        self.token = token
        return None

    def load(self) -> Awaitable[str | None] | str | None:
        """Return the stored token, or None."""
        return self.token

    def clean(self) -> Awaitable[None] | None:
        """Delete the stored token."""
        self.token = None
        return None


class _LockPerLoop:
    """One lock for each event loop."""

    def __init__(self) -> None:
        self._locks = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]()

    def get(self) -> asyncio.Lock:
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class SharedStorage:
    """A storage used by several token managers: one sign-in and one write at a time."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._write_count = 0
        self._is_stale = False
        self._owner: tuple[object, ...] | None = None
        self._sign_in_locks = _LockPerLoop()
        self._write_locks = _LockPerLoop()

    def claim(self, owner: tuple[object, ...]) -> None:
        """Reserve the storage for one client_id, endpoint and scope: its token has no name."""
        if self._owner is None:
            self._owner = owner
        if self._owner != owner:
            raise TokenConfigurationError(
                "This TokenStorage holds the token of a client with another client_id, endpoint or "
                "scope: call use_implicit_flow with a storage of its own before making this client"
            )

    def lock(self) -> asyncio.Lock:
        """Return the lock that a manager of this event loop holds during a sign-in."""
        return self._sign_in_locks.get()

    async def load(self) -> str | None:
        """Return the stored token, or None if the storage was written meanwhile.

        Raises TokenError if the storage raises.
        """
        writes_before = self._write_count
        try:
            stored = await await_if_needed(self.storage.load())
        except Exception as error:  # its text may contain a token
            raise TokenError(f"The TokenStorage's load raised {type(error).__name__}") from error
        is_outdated = self._write_locks.get().locked() or self._write_count != writes_before
        if not stored or is_outdated or self._is_stale:
            return None
        if isinstance(stored, str) and is_visible_ascii(stored):
            return stored
        logger.warning(
            "The TokenStorage does not hold a valid access token; a sign-in replaces the content"
        )
        return None

    async def save(self, token: str) -> None:
        """Store a token after any write in progress. Raises what the storage raises."""
        await self._write(lambda: self.storage.save(token))
        self._is_stale = False

    async def clean(self) -> None:
        """Empty the storage after any write in progress. If that fails, ignore its content."""
        try:
            await self._write(self.storage.clean)
            self._is_stale = False
        except Exception as error:  # noqa: BLE001 - user code may raise anything
            self._is_stale = True
            logger.warning(
                "The TokenStorage's clean raised %s: the stored token is not used again",
                type(error).__name__,
            )

    async def _write(self, write: Callable[[], Awaitable[None] | None]) -> None:
        async with self._write_locks.get():
            try:
                await await_if_needed(write())
            finally:
                self._write_count += 1


# Keyed by id(), since a storage need not be hashable. An entry keeps its storage alive.
_shared_storages: WeakValueDictionary[int, SharedStorage] = WeakValueDictionary()


def shared_storage(storage: Storage | None) -> SharedStorage:
    """Return the one SharedStorage that all token managers with this storage use.

    Raises TokenConfigurationError if there is no storage, or if it lacks a method.
    """
    if storage is None:
        raise TokenConfigurationError(
            "The implicit flow has no TokenStorage: call use_implicit_flow(TokenStorage()) before "
            "making the client, or set the token manager's `storage` attribute"
        )
    check_storage(storage)
    return _shared_storages.setdefault(id(storage), SharedStorage(storage))


def unshare(storage: Storage) -> None:
    """Let managers that are created from now on start without a token, with this storage."""
    _shared_storages.pop(id(storage), None)


def check_storage(storage: object) -> None:
    """Raise TokenConfigurationError unless the storage is an object with all three methods."""
    methods = (getattr(storage, name, None) for name in ("save", "load", "clean"))
    if isinstance(storage, type) or not all(map(callable, methods)):
        raise TokenConfigurationError(
            "token_storage must be an object with save, load and clean, such as TokenStorage()"
        )
