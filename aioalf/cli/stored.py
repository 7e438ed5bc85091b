"""What a command makes of tokens that are kept: it uses them, narrows them, or replaces them.

A grant that asks nobody, and two caches around the one that keeps a login. They know records and
locks, and nothing of servers.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from aioalf.errors import CacheError, LoginRequiredError
from aioalf.token import Token
from aioalf.token_record import Record, read_record, write_record

if TYPE_CHECKING:
    from aioalf.caches import TokenCache
    from aioalf.grants import TokenSource


class KeptLogin:
    """The grant of a login that is over with its refresh token: only `login` may ask a person."""

    can_begin = False
    keeps_refresh_token = True

    def __init__(self, name: str) -> None:
        self.name = name

    async def request_token(self, endpoint: TokenSource) -> NoReturn:  # noqa: ARG002 - a grant's
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


class NarrowerTokens:
    """Keeps tokens of less scope than a login has, got with its refresh token (RFC 6749 §6).

    The login's record, at `login_key` of `logins`, gets the refresh token that came last, and keeps
    its own access token; the others have a cache of their own.
    """

    def __init__(
        self, logins: TokenCache, login_key: str, others: TokenCache, scope: frozenset[str]
    ) -> None:
        self._logins = logins
        self._login_key = login_key
        self._others = others
        self._scope = scope
        self._login: Record | None = None

    async def get(self, key: str) -> str | None:
        """Return the token of this scope with the refresh token of the login.

        Raises LoginRequiredError where the login has not all of the scope.
        """
        self._login = await self._record(self._logins, self._login_key)
        if self._login is None:
            return None
        granted = self._login.token.scope
        if granted is not None and not self._scope <= granted:
            missing = " ".join(sorted(self._scope - granted))
            raise LoginRequiredError(f"The login has not the scope {missing}")
        kept = await self._record(self._others, key)
        # One that is over is renewed.
        token = Token("none", 0, scope=granted) if kept is None else kept.token
        return write_record(Record(token, self._login.refresh_token, self._login.issuer))

    async def set(self, key: str, value: str, ttl: float | None) -> None:  # noqa: ARG002 - as above
        """Keep the refresh token with the login, the access token for itself."""
        new = _read(value)
        if new is None or self._login is None:
            raise CacheError("What was granted is no token that can be kept")
        kept = Record(self._login.token, new.refresh_token, self._login.issuer)
        await self._logins.set(self._login_key, write_record(kept), None)
        await self._others.set(
            key, write_record(Record(new.token, None, new.issuer)), new.token.expires_in
        )

    async def delete(self, key: str) -> None:
        """Forget both: the refresh token counts no more."""
        await self._others.delete(key)
        await self._logins.delete(self._login_key)

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:  # noqa: ARG002 - as above
        """Hold the lock of the login, whose refresh token is used."""
        return self._logins.lock(self._login_key)

    async def _record(self, cache: TokenCache, key: str) -> Record | None:
        text = await cache.get(key)
        return None if text is None else _read(text)


def _read(text: str) -> Record | None:
    return read_record(text, now=datetime.now(UTC), monotonic=time.monotonic())
