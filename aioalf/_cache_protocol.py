"""The protocol of token caches. Keys and values are text; a cache does not know tokens."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class TokenCache(Protocol):
    """Stores values by key, for one client or for many clients in many processes.

    A value is opaque and as secret as a password: anyone who can read it can act for the user who
    signed in. It must not appear in logs or error messages. A key is short printable ASCII and not
    secret.

    An implementation keeps the promises of each method, and these:

    * A value is replaced completely or not at all. A concurrent reader, and a reader after a crash,
      gets the old value or the new one.
    * If the store cannot be reached or used, a method raises `CacheError` with a message that says
      what to do, and changes nothing. A damaged value is returned as "".
    * After a method has been cancelled, it no longer changes the store.
    * A cache is not bound to an event loop before its first use or after its last use: one object
      can be used in one loop after another.
    """

    async def get(self, key: str) -> str | None:
        """Return the stored value; None if it is missing or has expired; "" if it is damaged.

        None may mean that another client has logged out, so a client that gets None forgets its
        login. A client that gets "" keeps the login that it has in memory.
        """
        ...

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a value for `ttl` seconds, and replace any earlier value.

        When this method returns, the value must survive a crash of the process if the cache can
        outlive the process at all: a rotated refresh token cannot be fetched again.

        Args:
            key: The key.
            value: The value.
            ttl: Time to live in seconds. None keeps the value for as long as possible. With 0 or
                less, the value is removed.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one."""
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Return a context manager that one task at a time can hold, in all clients of the cache.

        A client holds the lock while it reads, renews and writes a login. The other methods work
        with and without the lock, and locks of different keys are independent. Waiting for the lock
        has no time limit and can be cancelled. The lock of a process that died is released at once,
        or after a lease.

        Raises:
            CacheError: The current task already holds the lock and would wait for itself.
        """
        ...
