"""A login's entry in a token cache: believed or not, replaced, and emptied at a logout.

It knows caches, records and the clocks; nothing of grants and of how tokens are got.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from aioalf._login.revocation import TokensToRevoke
from aioalf._login.stored_login import StoredLogin, read_stored_login, write_stored_login
from aioalf._single_flight import run_to_completion
from aioalf.caches import TokenCache
from aioalf.caches._key_locks import KeyLocks
from aioalf.errors import TokenError
from aioalf.grants import AuthorizationServer

logger: logging.Logger = logging.getLogger(__name__)

_PATIENCE: Final = 30.0
"""Seconds for which a logout waits for who has locked the cache."""


class CacheEntry:
    """What all that have the same key share; without a cache, only the lock is there.

    A write that fails is logged and no more, for what was granted counts. From then on what the
    cache held is not believed, until somebody has changed it. Who calls the methods has the lock,
    except for `leave`, and for `forget`, which takes it.
    """

    def __init__(self, cache: TokenCache | None, key: str) -> None:
        self.cache: TokenCache | None = cache
        self._locks = KeyLocks()
        self._key = key
        self._read: str | None = None
        self._is_behind = False
        """Whether the cache could not be written: it holds no more than what was `_read`."""
        self._left: TokensToRevoke | None = None
        """That of a logout which has not emptied the cache yet: nobody believes what it holds."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Return a context that one task holds at a time, over reading, renewing and writing."""
        # Without a cache too: who resets the client starts another request beside the one that is
        # in the air, and both would send one refresh token.
        return self._locks.hold(self._key) if self.cache is None else self.cache.lock(self._key)

    async def read(self, endpoint: AuthorizationServer) -> bool:
        """Read it, and tell whether that counts, and not what is remembered. Raises CacheError."""
        if self.cache is None:
            return False
        await self.empty_of_spent(endpoint)
        text = await self.cache.get(self._key)
        if self._is_behind and text == self._read:
            return False
        self._read, self._is_behind = text, False
        return text != ""  # damaged: what is remembered goes on counting, as far as one can know

    async def record(self, endpoint: AuthorizationServer) -> StoredLogin | None:
        """Return what was read, None where that is nothing, or is not from this server."""
        return await _record_in(self._read, endpoint)

    async def write(self, record: StoredLogin, endpoint: AuthorizationServer) -> None:
        """Replace what it holds, as issued by this server."""
        if self.cache is not None:
            whole = replace(record, issuer=await _origin(endpoint))
            await self._try(_store(self.cache, self._key, whole))

    async def withdraw(self) -> None:
        """Remove what could not be replaced: it was used, and used again it would end the login."""
        if self.cache is None or not self._is_behind:
            return
        try:
            await self.cache.delete(self._key)
        except Exception:  # noqa: BLE001 - as in `_try`, which has told of it
            return
        self._read = None  # so that what is remembered here goes on counting

    async def remove(self) -> None:
        """Remove what it holds, for it is worth nothing any more."""
        if self.cache is not None:
            await self._try(self.cache.delete(self._key))

    async def empty_of_spent(self, endpoint: AuthorizationServer) -> None:
        """Empty it if a logout waits to do so: who has the lock next must not send what it held."""
        if self._left is not None:
            await self._try(self._empty(endpoint))

    def leave(self, left: TokensToRevoke) -> None:
        """Believe nothing of what it holds: `forget` adds it to what is left, and empties it."""
        if self.cache is not None and (self._left is None or self._left.is_complete):
            self._left = left  # of two logouts at once, the first has what the cache holds

    @property
    def is_unemptied(self) -> bool:
        """Whether a logout has still to empty it."""
        return self._left is not None

    async def forget(self, endpoint: AuthorizationServer, left: TokensToRevoke) -> None:
        """Wait until who has the lock is done, and empty it.

        It is emptied also when this fails or is cancelled. Raises CacheError when it could not be
        read or emptied.
        """
        try:
            with suppress(TimeoutError):  # somebody else's login takes as long as a person does
                async with asyncio.timeout(None if self.cache is None else _PATIENCE):
                    async with self.lock():
                        await self._empty(endpoint)
            await self._empty(endpoint)
        finally:
            left.is_complete = True
            if self.cache is not None and self._left is not None:
                await run_to_completion(self.cache.delete(self._key))
                self._left = None

    async def _empty(self, endpoint: AuthorizationServer) -> None:
        if self.cache is None or not self.is_unemptied:
            return
        text = await self.cache.get(self._key)
        left = self._left
        if left is None:
            return  # who has the lock, or waits for it no longer either, was first
        # From here on it is not believed, whether it can be deleted or not.
        self._read, self._is_behind, self._left = text, True, None
        try:
            record = await _record_in(text, endpoint)
            if record is not None:
                left.add(record.token, record.refresh_token)
                for token in record.derived.values():
                    left.add(token)
        finally:
            await run_to_completion(self.cache.delete(self._key))
        self._is_behind = False

    async def _try(self, change: Awaitable[None]) -> None:
        try:
            await change
        except Exception as error:  # noqa: BLE001 - of anybody's cache; what was granted counts
            problem = str(error) if isinstance(error, TokenError) else type(error).__name__
            if not self._is_behind:
                logger.warning("Tokens are kept in memory only: %s", problem)
            self._is_behind = True
        else:
            self._is_behind = False


async def _record_in(text: str | None, endpoint: AuthorizationServer) -> StoredLogin | None:
    if text is None:
        return None
    record = read_stored_login(text, now=datetime.now(UTC), monotonic=time.monotonic())
    if record is None or record.issuer != await _origin(endpoint):
        logger.warning("The token cache holds something that is none of ours; it is replaced")
        return None
    return record


async def _store(cache: TokenCache, key: str, record: StoredLogin) -> None:
    # While there is a refresh token, the record is worth keeping for longer.
    lives = [token.expires_in for token in (record.token, *record.derived.values())]
    is_lasting = record.refresh_token or None in lives
    ttl = None if is_lasting else max(life for life in lives if life is not None)
    await cache.set(key, write_stored_login(record), ttl)


async def _origin(endpoint: AuthorizationServer) -> str:
    # The only one that the refresh token may be sent to (RFC 6749 §10.4).
    return endpoint.issuer or str(await endpoint.url_of("token_endpoint"))
