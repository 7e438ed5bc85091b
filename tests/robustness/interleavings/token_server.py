"""The fake token server, and the grant that gets tokens from it without a network."""

import asyncio
from collections.abc import Sequence
from math import inf

from aioalf import Token, TokenConnectionError
from aioalf.grants import AuthorizationServer, Grant
from tests.robustness.interleavings.oracle import Oracle
from tests.robustness.interleavings.world import (
    DELAYS,
    HANG_SECONDS,
    SECRET_MARK,
    World,
    random_failure,
)

_LIFETIMES = (0, 1, 2, 3, 6, 9, 30, None)


class TokenServer:
    """Issues tokens and knows which are valid. The seed decides how often it fails."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.failure_rate = world.choices.choice([0.0, 0.0, 0.0, 0.3, 0.6])
        self.lifetimes: Sequence[int | None] = world.choices.sample(_LIFETIMES, 2)
        self.delays: Sequence[float] = world.choices.choice([DELAYS, DELAYS[:4]])
        self.rejects_all = False
        self.expiries: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.newest = "none"

    def accepts(self, token: str) -> bool:
        """Whether the API accepts a token now."""
        is_good = token not in self.revoked and self.world.loop.time() < self.expiry_of(token)
        return is_good and not self.rejects_all

    def expiry_of(self, token: str) -> float:
        """Return the expiry of a token by the server's clock."""
        return self.expiries.get(token, -inf)

    async def answer(self) -> tuple[str, int | None]:
        """Issue a token, fail, or hang, after random delays."""
        world = self.world
        await world.pass_time(self.delays)
        if world.likely(self.failure_rate):
            if world.likely(0.2):
                await asyncio.sleep(HANG_SECONDS)
                raise TokenConnectionError("timed out")
            raise random_failure(world)
        issued = self._same_again() or self._issue()
        await world.pass_time(self.delays)
        return issued

    def _issue(self) -> tuple[str, int | None]:
        lifetime = self.world.choices.choice(self.lifetimes)
        life = inf if lifetime is None else lifetime
        self.newest = f"{SECRET_MARK}-t{len(self.expiries)}"
        self.expiries[self.newest] = self.world.loop.time() + life
        return self.newest, lifetime

    def _same_again(self) -> tuple[str, int | None] | None:
        """Return the newest token again, as some servers do while it is valid."""
        left = self.expiry_of(self.newest) - self.world.loop.time()
        if left < 1 or self.newest in self.revoked or not self.world.likely(0.1):
            return None
        return self.newest, None if left == inf else int(left)


class FakeGrant(Grant):
    """A grant that gets tokens from a `TokenServer` and reports to an `Oracle`."""

    def __init__(self, server: TokenServer, oracle: Oracle, owner: object = None) -> None:
        self._server = server
        self._oracle = oracle
        self.owner = owner

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return a token, or raise the error of the server."""
        token_request = self._oracle.note_request(self.owner)
        try:
            token, lifetime = await self._server.answer()
        except asyncio.CancelledError as error:
            await self._end_slowly()
            self._oracle.note_failure(token_request, error)
            raise
        except Exception as error:
            self._oracle.note_failure(token_request, error)
            raise
        self._oracle.note_token(token_request, token, lifetime)
        return Token(token, lifetime, sent_at=token_request.sent_at)

    async def _end_slowly(self) -> None:
        if self._server.world.likely(0.3):
            await self._server.world.pass_time()
