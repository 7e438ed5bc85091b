"""The contract of token caches. Keys and values are text; a cache does not know tokens.

`TokenCache` stores values by key. A `Claim` is the right to replace the value of one key; one
process at a time has it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Claim(Protocol):
    """The right to replace the value of one key, which one task of one process has at a time.

    A cache whose claims are leases extends them until `release` is called, so the holder need not
    hurry. A claim can be lost nevertheless: the process was stopped for longer than the lease, or
    the store lost it. Then its holder can no longer change anything.
    """

    @property
    def is_held(self) -> bool:
        """Whether the claim was not lost, as far as this process knows without asking the store."""
        ...

    async def replace(self, value: str, ttl: float | None) -> bool:
        """Store a value like `TokenCache.set`, unless the claim was lost.

        Returns:
            Whether the value was stored. False means that the claim was lost and nothing changed.

        Raises:
            CacheError: The store cannot be used. The value may or may not be stored.
        """
        ...

    async def remove(self) -> bool:
        """Remove the value like `TokenCache.delete`, unless the claim was lost.

        Returns:
            Whether the value was removed. False means that the claim was lost and nothing changed.

        Raises:
            CacheError: The store cannot be used.
        """
        ...

    async def release(self) -> None:
        """Release the claim, and wake all callers of `TokenCache.wait`.

        Never raises, even if the claim was lost or the store cannot be used: a claim that cannot be
        released ends by itself. Must be called exactly once.
        """
        ...


class TokenCache(Protocol):
    """Stores values by key, for one client or for many clients in many processes.

    A value is opaque and as secret as a password: anyone who can read it can act for the user who
    signed in. It must not appear in logs or error messages. A key is short printable ASCII and not
    secret.

    An implementation keeps the promises of each method, and these:

    * A value is replaced completely or not at all. A concurrent reader, and a reader after a crash,
      gets the old value or the new one.
    * If the store cannot be reached or used, a method raises `CacheError` with a message that says
      what to do. A damaged value is returned as "".
    * Every method but `wait` ends soon. A caller gives up after a few seconds, by cancelling.
    * A change that was cancelled may still take effect, but not after a later change of the same
      process.
    * A cache is not bound to an event loop before its first use or after its last use: one object
      can be used in one loop after another.

    ``aioalf.testing.CacheContract`` tests all of this for a cache of your own.
    """

    async def get(self, key: str) -> str | None:
        """Return the stored value; None if it is missing or has expired; "" if it is damaged.

        None may mean that another client has logged out, so a client that gets None forgets its
        login. A client that gets "" keeps the login that it has in memory.
        """
        ...

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a value for `ttl` seconds, and replace any earlier value. Needs no claim.

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
        """Remove the value, if there is one. Needs no claim."""
        ...

    async def claim(self, key: str) -> Claim | None:
        """Return the claim to a key, or None if another task or process has it. Does not wait.

        Claims to different keys are independent. The claim of a process that died is free at once,
        or after a lease of a few seconds. If the store does not answer, and the request is sent to
        it again, it must not find its own claim in the way.
        """
        ...

    async def wait(self, key: str, timeout: float) -> None:
        """Return when the claim to a key is free or was released, or after `timeout` seconds.

        All tasks and processes that wait return at about the same time; they read the value and
        need the claim only if they cannot use the value. May return earlier for any reason.
        """
        ...

    async def holder(self, key: str) -> str | None:
        """Describe who has the claim and since when, for an error message; None if unknown.

        Such as ``process 1234 on host-a since 12:00:05 UTC``.
        """
        ...
