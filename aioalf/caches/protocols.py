"""What a token cache is. It knows nothing of tokens: keys and values are text."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class TokenCache(Protocol):
    """Keeps texts under keys, for one client or for many in many processes.

    A value is opaque, and as secret as a password: it is in no log and no message, and whoever can
    read the store can act for who logged in. A key is short printable ASCII, and no secret.

    Who implements this keeps what its methods promise, and:

    * A value is replaced whole or not at all: who reads meanwhile, or after a crash, has the old
      one or the new one.
    * Where a store cannot be reached or used, a method raises `CacheError`, with a message that
      says what to do, and has changed nothing. A value that is damaged is "".
    * A method that is cancelled leaves no work behind that goes on changing the store.
    * Nothing is bound to an event loop before first use, nor after last use: one object serves one
      loop after another.
    """

    async def get(self, key: str) -> str | None:
        """Return the value that was set last, None when there is none or its time is over.

        Where it was damaged, that is "": what a client remembers goes on counting then. With None
        it does not, for somebody may have logged out.
        """
        ...

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Keep a value in place of any other, for ``ttl`` seconds; None is for as long as can be.

        With a ``ttl`` of 0 or less, nothing is kept. When this returns, the value outlives a crash
        of this process, if the cache is one that can: a refresh token that was rotated cannot be
        had again.
        """
        ...

    async def delete(self, key: str) -> None:
        """Forget the value, if there is one."""
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Return a context that one task holds at a time, of all that share the cache.

        It is held over reading, renewing and writing. The other methods neither need nor take it;
        locks of other keys are independent. Who waits can be cancelled, and waits without limit.
        The lock of a process that died is free, at once or after a lease. A task that holds it and
        asks for it again gets `CacheError`, for it would wait for itself.
        """
        ...
