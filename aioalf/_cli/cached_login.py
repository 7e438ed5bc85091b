"""How commands use a stored login: only `login` asks a user to sign in, and replaces it.

Holds a grant that never starts a sign-in, and a cache wrapper for a new login. Must not know
profiles or servers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from aioalf.caches import TokenCache
from aioalf.errors import CacheError, LoginRequiredError
from aioalf.grants import AuthorizationServer


class CachedLoginGrant:
    """A grant that only refreshes: when the refresh token is no longer valid, the login is over."""

    can_begin = False
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = ""

    def __init__(self, name: str) -> None:
        self.name = name

    async def request_token(self, endpoint: AuthorizationServer) -> NoReturn:
        """Raise LoginRequiredError."""
        raise LoginRequiredError("Not logged in, or not for the requested scope")


class NewLoginCache:
    """A cache that hides the stored login from a new sign-in, and replaces it on success.

    The lock is not held while the user signs in, so other processes can keep using the old login.
    `error` says why the new login is not stored; it is None once the login is stored.
    """

    def __init__(self, cache: TokenCache) -> None:
        self._cache = cache
        self.error: CacheError | None = CacheError("The new login was not stored")

    async def get(self, key: str) -> str | None:
        """Return None."""

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store the new login, after any renewal of the old one that is in flight."""
        try:
            async with self._cache.lock(key):
                await self._cache.set(key, value, ttl)
            self.error = None
        except CacheError as error:
            self.error = error

    async def delete(self, key: str) -> None:
        """Do nothing, so that a failed sign-in keeps the old login."""

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Take no lock."""
        yield
