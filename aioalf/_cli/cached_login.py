"""What a command makes of tokens that are kept: it uses them, or replaces them.

A grant that asks nobody, and a cache around the one that keeps a login. They know locks, and
nothing of records and of servers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from aioalf.caches import TokenCache
from aioalf.errors import CacheError, LoginRequiredError
from aioalf.grants import AuthorizationServer


class KeptLogin:
    """The grant of a login that is over with its refresh token: only `login` may ask a person."""

    can_begin = False
    keeps_refresh_token = True

    def __init__(self, name: str) -> None:
        self.name = name

    async def request_token(self, endpoint: AuthorizationServer) -> NoReturn:  # noqa: ARG002 - a grant's
        """Raise LoginRequiredError."""
        raise LoginRequiredError("Nobody is logged in, or not for what is asked")


class NewLogin:
    """Shows nothing of a login that is kept, which stays until it can be replaced by the new one.

    The lock is not held while a person signs in, so that others can go on with the old login.
    `problem` is why the new one is not kept, None once it is.
    """

    def __init__(self, kept: TokenCache) -> None:
        self._kept = kept
        self.problem: CacheError | None = CacheError("What was granted cannot be kept")

    async def get(self, key: str) -> str | None:
        """Return None."""

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Keep the new login, after a renewal of the old one that is under way."""
        try:
            async with self._kept.lock(key):
                await self._kept.set(key, value, ttl)
            self.problem = None
        except CacheError as error:
            self.problem = error

    async def delete(self, key: str) -> None:
        """Do nothing: there is nothing yet."""

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:  # noqa: ARG002 - a cache's
        """Hold nothing."""
        yield
