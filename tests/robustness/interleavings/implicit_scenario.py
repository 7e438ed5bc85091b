"""Scenarios of the implicit flow: managers that share one async storage and one sign-in."""

import asyncio
from collections.abc import Sequence

from aioalf import Token
from aioalf.implicit import OAuthImplicitTokenManager
from tests.robustness.interleavings.observed_manager import ObservedManager
from tests.robustness.interleavings.oracle import LoginOracle, Oracle
from tests.robustness.interleavings.scenario import Scenario
from tests.robustness.interleavings.token_server import FakeGrant
from tests.robustness.interleavings.world import World


class ObservedImplicitManager(ObservedManager, OAuthImplicitTokenManager):
    """A manager of the implicit flow that signs in with a `FakeGrant` instead of a browser."""

    def use_fake_login(self, grant: FakeGrant) -> None:
        """Replace the sign-in."""
        grant.owner = self
        self._grant = grant

    async def _store(self, token: Token) -> None:
        assert isinstance(self.oracle, LoginOracle)
        try:
            await super()._store(token)
        finally:
            self.oracle.deliver(token.access_token)


class AsyncStorage:
    """A token storage with random delays before and after each operation."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.token: str | None = None
        self.is_saving = False

    async def save(self, token: str) -> None:
        """Store a token."""
        self.is_saving = True
        try:
            await self._write(token)
        finally:
            self.is_saving = False

    async def clean(self) -> None:
        """Delete the token."""
        await self._write(None)

    async def load(self) -> str | None:
        """Return the token."""
        await self._take_time()
        token = self.token
        await asyncio.sleep(self._world.choices.choice([0.0, 0.25, 1.0, 2.0]))
        return token

    async def _write(self, token: str | None) -> None:
        await self._take_time()
        self.token = token
        self._world.note("stored", token)
        await self._take_time()

    async def _take_time(self) -> None:
        await asyncio.sleep(self._world.choices.choice([0.0, 0.25, 0.5]))


class ImplicitScenario(Scenario):
    """One or two managers of one implicit flow."""

    def _make_managers(self) -> tuple[Oracle, Sequence[ObservedManager]]:
        self.faults += [self._revoke, self._reset, self._reset_when_busy]
        self.storage = storage = AsyncStorage(self.world)
        count = self.choices.choice([1, 1, 2])
        oracle = LoginOracle(self.world, self.renewal, self.server.expiry_of)
        oracle.is_shared = count > 1
        oracle.is_stored = lambda: storage.token is not None
        ObservedImplicitManager.storage = storage
        managers = [
            ObservedImplicitManager("https://as.example.com/", "id", "", renewal=self.renewal)
            for _ in range(count)
        ]
        for manager in managers:
            manager.oracle = oracle
            manager.use_fake_login(FakeGrant(self.server, oracle))
        return oracle, managers

    def _is_busy(self) -> bool:
        return self.storage.is_saving
