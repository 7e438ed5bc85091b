"""The stored login of the commands: only `login` asks a user to sign in, and replaces it.

Holds a grant that never starts a sign-in, and a cache wrapper for a new login. Must not know
profiles or servers.
"""

from __future__ import annotations

from typing import NoReturn

from aioalf._login.entry_claims import EntryClaims
from aioalf.caches import TokenCache
from aioalf.errors import CacheError, LoginRequiredError
from aioalf.grants import AuthorizationServer


class CachedLoginGrant:
    """A grant that only refreshes: when the refresh token is no longer valid, the login is over."""

    can_begin = False
    is_interactive = False
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = ""

    def __init__(self, name: str) -> None:
        self.name = name

    async def request_token(self, server: AuthorizationServer) -> NoReturn:
        """Raise LoginRequiredError."""
        raise LoginRequiredError("Not logged in, or not for the requested scope")


class NewLoginCache:
    """A cache that hides the stored login from a new sign-in, and replaces it on success.

    The claim is not held while the user signs in, so other processes can keep using the old login.
    `error` says why the new login is not stored; it is None once the login is stored.
    """

    def __init__(self, cache: TokenCache) -> None:
        self._cache = cache
        self.error: CacheError | None = CacheError("The new login was not stored")

    async def get(self, key: str) -> str | None:
        """Return None."""

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Do nothing: only the new login is stored."""

    async def delete(self, key: str) -> None:
        """Do nothing, so that a failed sign-in keeps the old login."""

    async def claim(self, key: str) -> NewLoginClaim:
        """Return a claim that takes the real one when there is a login to store."""
        return NewLoginClaim(self, key)

    async def wait(self, key: str, timeout: float) -> None:
        """Return at once, because the claim is always free."""

    async def holder(self, key: str) -> str | None:
        """Return None."""

    async def store(self, key: str, value: str, ttl: float | None) -> None:
        """Store the new login, after any renewal of the old one that is in flight."""
        try:
            async with EntryClaims(self._cache, key).claimed() as claim:
                is_stored = claim is not None and await claim.replace(value, ttl)
        except CacheError as error:
            self.error = error
        else:
            busy = CacheError("The new login was not stored: another process uses the old login")
            self.error = None if is_stored else busy


class NewLoginClaim:
    """The claim of `NewLoginCache`."""

    is_held = True

    def __init__(self, cache: NewLoginCache, key: str) -> None:
        self._cache = cache
        self._key = key

    async def replace(self, value: str, ttl: float | None) -> bool:
        """Store the new login. A failure is in `NewLoginCache.error`."""
        await self._cache.store(self._key, value, ttl)
        return True

    async def remove(self) -> bool:
        """Do nothing, so that a failed sign-in keeps the old login."""
        return True

    async def release(self) -> None:
        """Do nothing."""
