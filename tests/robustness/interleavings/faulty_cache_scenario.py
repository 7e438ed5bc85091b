"""Scenarios of managers whose token cache fails at random calls, and loses claims.

Each manager has its own connection to the same store, as processes do. `FaultyCacheScenario` has
logins with refresh tokens, `ServiceScenario` a grant without refresh tokens.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeVar

from aioalf import TokenError, TokenManager
from aioalf._closing import CLOSE_TIMEOUT
from aioalf.grants import ClientCredentials, Grant
from aioalf.testing import CacheFault, UnreliableCache
from aioalf.testing._lease_store import Lease, LeaseStore
from aioalf.testing.cache_faults import CacheFaultTable, CacheMethod
from tests.robustness.interleavings.login_scenario import LoginScenario, SharedCache
from tests.robustness.interleavings.oracle import Oracle
from tests.robustness.interleavings.world import World

Result = TypeVar("Result")

_LEASE = 3.0
_LONGEST_END = 90.0  # seconds until a request ends that close() did not wait for
_TOLERANCE = 0.5
_GARBAGE = (1, b"bytes", "", "foreign text", "{}", "\0")
_CHANGES = frozenset({"claim", "wait", "set", "delete", "replace", "remove"})
"""Methods without which a login is not stored, or not in time for the others."""


class RandomFaults(CacheFaultTable):
    """Spoils random calls; `on_fault` is told the method and the kind of each fault."""

    def __init__(
        self, world: World, rate: float, on_fault: Callable[[CacheMethod, str], None]
    ) -> None:
        super().__init__()
        self.rate = rate
        self.spoils_leases = False
        self._world = world
        self._on_fault = on_fault

    async def apply(self, method: CacheMethod, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do the work, or what a random fault says."""
        is_spared = method == "extend" and not self.spoils_leases
        if is_spared or not self._world.likely(self.rate):
            return await work()
        fault = self._draw(method)
        self._on_fault(method, fault.kind)
        return await fault.apply(work)

    def _draw(self, method: CacheMethod) -> CacheFault:
        takes_effect = self._world.likely(0.3)
        faults = [
            CacheFault.error(takes_effect=takes_effect),
            CacheFault.error(OSError("disk"), takes_effect=takes_effect),
            CacheFault.error(asyncio.CancelledError(), takes_effect=takes_effect),
            CacheFault.hang(takes_effect=takes_effect),
            self._draw_delay(self._world.choices.choice([0.5, 2.0, 4.0])),
        ]
        if method == "get":
            faults.append(CacheFault.answer(self._world.choices.choice(_GARBAGE)))
        return self._world.choices.choice(faults)

    def _draw_delay(self, seconds: float) -> CacheFault:
        is_late = self._world.rare_choices.random() < 0.5
        return CacheFault.late(seconds) if is_late else CacheFault.slow(seconds)


class ObservedStore(LeaseStore):
    """A store that reports changes of logins, and checks that they are made under the claim."""

    def __init__(
        self,
        world: World,
        on_change: Callable[[Mapping[str, Any] | None], None],
        is_logging_out: Callable[[], bool],
    ) -> None:
        super().__init__(_LEASE)
        self.key = ""
        self._world = world
        self._on_change = on_change
        self._is_logging_out = is_logging_out
        self._is_claimed = False

    async def grant(self, key: str, client: str) -> Lease | None:
        """Remember the key."""
        self.key = key
        return await super().grant(key, client)

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a login or a note."""
        await super().set(key, value, ttl)
        if key == self.key:
            self._world.must(
                "a login is replaced only under its claim (R043)", holds=self._is_claimed
            )
            self._world.note("stored", value)
            self._on_change(json.loads(value))

    async def delete(self, key: str) -> None:
        """Delete a login."""
        await super().delete(key)
        if key == self.key:
            self._world.must(
                "a login is deleted only under its claim, or by a logout (R043)",
                holds=self._is_claimed or self._is_logging_out(),
            )
            self._world.note("deleted")
            self._on_change(None)

    async def replace(self, lease: Lease, value: str, ttl: float | None) -> bool:
        """Store a login under its claim."""
        return await self._claimed(super().replace(lease, value, ttl))

    async def remove(self, lease: Lease) -> bool:
        """Delete a login under its claim."""
        return await self._claimed(super().remove(lease))

    async def _claimed(self, change: Awaitable[bool]) -> bool:
        self._is_claimed = True
        try:
            return await change
        finally:
            self._is_claimed = False


class FaultyCache(UnreliableCache):
    """A connection to an `ObservedStore`."""

    def __init__(self, store: ObservedStore, faults: RandomFaults) -> None:
        super().__init__()
        self.store = store
        self.faults = faults
        self._store = store
        self._client = store.add_client()

    @property
    def key(self) -> str:
        """The key of the last login."""
        return self.store.key


class FaultyCacheScenario(LoginScenario):
    """Logins with refresh tokens, with a cache that fails."""

    longest_wait = 150.0  # seconds: several times 15 s with a failing cache, 30 s for a claim
    longest_storing = 80.0  # seconds: several calls of the cache, and the wait for its claim

    def _draw_storage(self) -> tuple[bool, bool]:
        return False, True

    def _make_cache(self) -> SharedCache:
        rate = self.choices.choice([0.05, 0.2, 0.5])
        self.random_faults = RandomFaults(self.world, rate, self._note_fault)
        self.random_faults.spoils_leases = self.world.likely(0.4)
        self.store = ObservedStore(self.world, self.logins.deliver, self._is_leaving)
        return FaultyCache(self.store, self.random_faults)

    def _is_leaving(self) -> bool:
        """Whether a logout empties the cache; one that was interrupted may do so later."""
        return self.leaving > 0 or any(
            not is_done for logouts in self.logouts.values() for _, is_done in logouts
        )

    def _open_cache(self) -> SharedCache | None:
        return FaultyCache(self.store, self.random_faults)

    def _make_managers(self) -> tuple[Oracle, Sequence[Any]]:
        made = super()._make_managers()
        if self.world.likely(0.5):
            self.requested = [{}]
            self.given = deepcopy((self.arguments, self.requested))
        self.is_single = len(self.roots) == 1 and self.requested == [{}]
        if self.random_faults.spoils_leases:
            self.faults += [self._lose_claim] * 3
        return made

    def _note_fault(self, method: CacheMethod, kind: str) -> None:
        self.world.note("cache fault", (method, kind))
        # A single manager keeps its login in memory. Others do not see it there.
        is_hidden = method in _CHANGES or method == "extend" or kind == "answer"
        self.logins.is_cache_unreliable |= is_hidden and not self.is_single

    async def _lose_claim(self) -> None:
        for _ in range(20):
            lease = self.store.current(self.store.key)
            if lease is not None and not self.leaving:
                self.world.note("claim lost", lease.client)
                # The others still find the refresh token that the holder has sent.
                self.logins.is_cache_unreliable |= not self.is_single
                self.store.end(lease)
                return
            await asyncio.sleep(0.25)

    async def _close(self) -> None:
        _, manager, _ = self._pick()
        await self._close_in_time(manager)

    async def _close_in_time(self, manager: TokenManager) -> bool:
        """Close a manager. Return whether no request was left, as far as its duration tells."""
        begun = self.loop.time()
        self.world.note("close")
        try:
            await manager.close()
        finally:
            took = self.loop.time() - begun
            self.world.must(
                "close() waits 30 seconds at most (R077)", holds=took <= CLOSE_TIMEOUT + _TOLERANCE
            )
        return took < CLOSE_TIMEOUT

    async def _end(self) -> None:
        is_complete = [await self._close_in_time(root) for root in self.roots]
        self.random_faults.rate = 0.0
        if not all(is_complete):
            left = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait(left, timeout=_LONGEST_END)


class ServiceScenario(FaultyCacheScenario):
    """A grant without refresh tokens, for which the cache is only a help."""

    longest_wait = 40.0

    def _make_grant(self, owner: object, *, has_own_session: bool) -> Grant:
        return ClientCredentials()

    def _make_managers(self) -> tuple[Oracle, Sequence[Any]]:
        self.first_use: dict[tuple[TokenManager, str], int] = {}
        made = super()._make_managers()
        self.is_answering = self.world.likely(0.6)
        if self.is_answering:
            self.logins.failure_rate = self.logins.loss_rate = self.logins.narrowing_rate = 0.0
            for ending in (self._logout, self._close):
                self.faults = [fault for fault in self.faults if fault != ending]
        return made

    def _pick(self) -> tuple[TokenManager, TokenManager, str]:
        root, manager, what = super()._pick()
        self.first_use.setdefault((root, what), 0 if manager is root else len(self.world.events))
        return root, manager, what

    def _is_logged_out(self, root: TokenManager, what: str, begun: int) -> bool:
        # Each derived manager has its own cache entry. A logout empties the entries of the managers
        # that exist then. A manager that is derived later may read a token of another process.
        return self.first_use[root, what] < begun

    async def _obtain(self, what: str, root: TokenManager, get: Any) -> str:
        try:
            return await super()._obtain(what, root, get)
        except TokenError as error:
            self.world.must(
                f"a service gets its token whenever the endpoint answers (R080): {error!r}",
                holds=not self.is_answering,
            )
            raise
