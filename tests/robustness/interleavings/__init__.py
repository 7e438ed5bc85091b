"""Scenarios drawn from a seed: a token server and an API of moods, and visitors who come and go.

Everything is played in a `VirtualTimeLoop` and judged by a `Watch`. It shows the client only what
a grant, a request and a storage would; what the client does with it is its own affair.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import ClientRequest, ClientResponse
from multidict import CIMultiDict
from yarl import URL

from aioalf import OAuth2Middleware, Token, TokenConnectionError, TokenManager
from aioalf.grants import AuthorizationServer, Grant
from aioalf.implicit import OAuthImplicitTokenManager
from aioalf.renewal import Renewal
from tests.robustness.interleavings.oracle import (
    HANGING,
    MARK,
    STEPS,
    LoginWatch,
    Moment,
    Watch,
    World,
    failure,
)
from tests.robustness.interleavings.shown import overheard, words_logged, words_of
from tests.support.virtual_time import DeadlockError, VirtualTimeLoop

_HORIZON = 12  # seconds within which visitors come
_SECRET = f"{MARK}-secret"
_LIFETIMES = (0, 1, 2, 3, 6, 9, 30, None)


class Server:
    """Issues tokens, and knows which are good; some fail often, some are slow to be cancelled."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.failing = world.script.choice([0.0, 0.0, 0.0, 0.3, 0.6])
        self.lifetimes: Sequence[int | None] = world.script.sample(_LIFETIMES, 2)
        self.steps: Sequence[float] = world.script.choice([STEPS, STEPS[:4]])
        self.refuses_all = False
        self.expiries: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.newest = "none"

    def accepts(self, token: str) -> bool:
        """Tell whether the API lets somebody in."""
        is_good = token not in self.revoked and self.world.loop.time() < self.expiry_of(token)
        return is_good and not self.refuses_all

    def expiry_of(self, token: str) -> float:
        """Return until when a token is good by the server's own clock."""
        return self.expiries.get(token, -inf)

    async def answer(self) -> tuple[str, int | None]:
        """Issue a token, or fail, or say nothing for long; at once or later."""
        world = self.world
        await world.pass_time(self.steps)
        if world.likely(self.failing):
            if world.likely(0.2):
                await asyncio.sleep(HANGING)
                raise TokenConnectionError("timed out")
            raise failure(world)
        issued = self._same_again() or self._issue()
        await world.pass_time(self.steps)
        return issued

    def _issue(self) -> tuple[str, int | None]:
        lifetime = self.world.script.choice(self.lifetimes)
        life = inf if lifetime is None else lifetime
        self.newest = f"{MARK}-t{len(self.expiries)}"
        self.expiries[self.newest] = self.world.loop.time() + life
        return self.newest, lifetime

    def _same_again(self) -> tuple[str, int | None] | None:
        """Some servers hand out a token again for as long as it is good."""
        left = self.expiry_of(self.newest) - self.world.loop.time()
        if left < 1 or self.newest in self.revoked or not self.world.likely(0.1):
            return None
        return self.newest, None if left == inf else int(left)


class FakeGrant(Grant):
    """Asks a `Server`, and tells a `Watch`."""

    def __init__(self, server: Server, watch: Watch, owner: object = None) -> None:
        self._server = server
        self._watch = watch
        self.owner = owner

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return a token, or fail as the server does."""
        flight = self._watch.take_off(self.owner)
        try:
            token, lifetime = await self._server.answer()
        except asyncio.CancelledError as error:
            await self._clean_up()
            self._watch.fail(flight, error)
            raise
        except Exception as error:
            self._watch.fail(flight, error)
            raise
        self._watch.land(flight, token, lifetime)
        return Token(token, lifetime, sent_at=flight.sent_at)

    async def _clean_up(self) -> None:
        if self._server.world.likely(0.3):
            await self._server.world.pass_time()


class ObservedManager(TokenManager):
    """The client's own manager, which a `Watch` hears of."""

    watch: Watch
    gives_members = False

    async def renew_token(self, rejected: str) -> str:
        """As it is."""
        self.watch.refuse(rejected, is_heard=self.can_renew(rejected))
        return await super().renew_token(rejected)

    def mark_accepted(self) -> None:
        """As it is."""
        self.watch.mark_accepted()
        super().mark_accepted()

    async def reset_token(self) -> None:
        """As it is."""
        begun, is_done = self.watch.begin_reset(), False
        try:
            await super().reset_token()
            is_done = True
        finally:
            self.watch.end_reset(begun, is_done=is_done)

    async def logout(self) -> None:
        """As it is."""
        begun, is_done = self.watch.begin_reset(), False
        self.watch.world.note("logout")
        try:
            await super().logout()
            is_done = True
        finally:
            self.watch.end_reset(begun, is_done=is_done)

    async def close(self) -> None:
        """As it is."""
        ending = self.watch.begin_close(self)
        await super().close()
        self.watch.end_close(ending)

    async def _get_token_data(self) -> Any:
        token = await super()._get_token_data()
        if isinstance(token, Token) and self.gives_members:  # as a subclass of a user's may
            return {"access_token": token.access_token, "expires_in": token.expires_in}
        return token


class ObservedKeyedManager(ObservedManager):
    """The same of a class that is known to have all that a middleware asks for."""

    def cached_token(self) -> str | None:
        """As it is."""
        return super().cached_token()


class ObservedImplicitManager(ObservedManager, OAuthImplicitTokenManager):
    """The same for the implicit flow, with a person who is no browser."""

    def play_person(self, grant: FakeGrant) -> None:
        """Let the logins of this manager be those of a fake."""
        grant.owner = self
        self._grant = grant

    async def _store(self, token: Token) -> None:
        assert isinstance(self.watch, LoginWatch)
        try:
            await super()._store(token)
        finally:
            self.watch.deliver(token.access_token)


class AsyncStorage:
    """A storage that takes its time, before and after it has done what it was told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.token: str | None = None
        self.is_saving = False

    async def save(self, token: str) -> None:
        """Keep a token."""
        self.is_saving = True
        try:
            await self._write(token)
        finally:
            self.is_saving = False

    async def clean(self) -> None:
        """Forget it."""
        await self._write(None)

    async def load(self) -> str | None:
        """Return it."""
        await self._take_time()
        token = self.token
        await asyncio.sleep(self._world.script.choice([0.0, 0.25, 1.0, 2.0]))
        return token

    async def _write(self, token: str | None) -> None:
        await self._take_time()
        self.token = token
        self._world.note("stored", token)
        await self._take_time()

    async def _take_time(self) -> None:
        await asyncio.sleep(self._world.script.choice([0.0, 0.25, 0.5]))


@dataclass
class Visit:
    """One visitor: when it comes, what for, and how it may leave early."""

    at: float
    errand: Callable[[], Awaitable[object]]
    patience: float | None = None
    cancelled_after: float | None = None
    is_cancelled: bool = False

    async def __call__(self, loop: VirtualTimeLoop) -> None:
        """Come at the time, and do it."""
        await asyncio.sleep(self.at - loop.time())
        async with asyncio.timeout(self.patience):
            await self.errand()


@dataclass
class Hop:
    """A request of aiohttp's with its API behind it, as a middleware sees them."""

    watch: Watch
    server: Server
    asked: Moment = field(init=False)

    def __post_init__(self) -> None:
        self.asked = self.watch.moment()

    async def run(self, middleware: OAuth2Middleware) -> None:
        """Send it."""
        request = SimpleNamespace(
            url=URL("https://api.example.com/"),
            headers=CIMultiDict[str](),
            body=b"",
            session=None,
            close=_nothing,
        )
        try:
            await middleware(cast("ClientRequest", request), self._send)
        except Exception as error:
            self.watch.turn_away(error, self.asked)
            raise

    async def _send(self, request: ClientRequest) -> ClientResponse:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.watch.hand_out(token, self.asked)
        await self.watch.world.pass_time(self.server.steps)
        is_accepted = self.server.accepts(token)
        await self.watch.world.pass_time(self.server.steps)
        self.asked = self.watch.moment(other_than=token)
        response = SimpleNamespace(
            status=200 if is_accepted else 401,
            headers=CIMultiDict[str](),
            release=lambda: None,
        )
        return cast("ClientResponse", response)


async def _nothing() -> None:
    """Close nothing."""


class Scenario:
    """One seed's managers, server and visitors."""

    def __init__(self, loop: VirtualTimeLoop, seed: int) -> None:
        self.loop = loop
        self.world = World(loop, seed)
        self.server = Server(self.world)
        self.script = self.world.script
        self.renewal = Renewal(
            before_expiry=self.script.choice([0.0, 1.0, 300.0]),
            failure_backoff=self.script.choice([0.0, 0.5, 1.0, 2.0]),
        )
        self.faults = [
            *(self._revoke, self._refuse_all, self._fall_ill),
            *(self._reset, self._reset_when_busy, self._logout, self._close),
        ]
        self.watch, self.managers = self._make_managers()
        self.middlewares = [OAuth2Middleware(manager) for manager in self.managers]
        self.visits = self._draw_visits()

    def _make_managers(self) -> tuple[Watch, Sequence[ObservedManager]]:
        watch = Watch(self.world, self.renewal, self.server.expiry_of)
        # What a middleware does not know it renews in its own way.
        made = self.world.aside.choice([ObservedManager, ObservedKeyedManager])
        manager = made(
            "https://as.example.com/token",
            "id",
            _SECRET,
            grant=FakeGrant(self.server, watch),
            renewal=self.renewal,
        )
        manager.watch = watch
        manager.gives_members = self.world.likely(0.5)
        return watch, [manager]

    async def play(self) -> None:
        """Let everybody come, then close, and see who is left."""
        tasks = [self.loop.create_task(visit(self.loop)) for visit in self.visits]
        for visit, task in zip(self.visits, tasks, strict=True):
            if visit.cancelled_after is not None:
                self.loop.call_at(visit.at + visit.cancelled_after, self._cancel, visit, task)
        await asyncio.wait(tasks)
        for visit, task in zip(self.visits, tasks, strict=True):
            self._see_off(visit, task)
        await self._end()
        left = asyncio.all_tasks() - {asyncio.current_task()} - self._helpers()
        self.world.must("no task is left after close() (R077)", holds=not left)

    async def _end(self) -> None:
        for manager in self.managers:
            await manager.close()
            self.world.keep_secret("a manager", repr(manager))

    def _helpers(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that are the servers'."""
        return set()

    def _words_of(self, error: BaseException) -> str:
        return words_of(error)

    def _see_off(self, visit: Visit, task: asyncio.Task[None]) -> None:
        self.world.must(
            "who was cancelled is cancelled, and nobody else (R071)",
            holds=task.cancelled() == visit.is_cancelled,
        )
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.world.keep_secret("an error", self._words_of(error))
        if error is None or any(error is known for known in self.world.errors):
            return
        self.world.must(
            f"only those who have a time limit run out of it (R071): {error!r}",
            holds=isinstance(error, TimeoutError) and visit.patience is not None,
        )
        self.world.note("has no patience")

    # What the seed decides.

    def _draw_visits(self) -> list[Visit]:
        visits = self._draw_steady() if self.world.likely(0.4) else self._draw_bursts()
        for fault in self.faults:
            if self.world.likely(0.35):
                count = self.script.randint(1, 2)
                visits += [self._draw_visit(self._draw_time(), fault) for _ in range(count)]
        return visits

    def _draw_bursts(self) -> list[Visit]:
        visits: list[Visit] = []
        for _ in range(self.script.randint(2, 6)):
            at = self._draw_time()
            errand = self.script.choice([self._ask, self._call, self._call, self._renew])
            visits += [self._draw_visit(at, errand) for _ in range(self.script.randint(1, 6))]
        return visits

    def _draw_steady(self) -> list[Visit]:
        """Visitors without a gap, and tokens that are renewed among them."""
        self.server.lifetimes, self.server.steps = [self.script.choice([3, 6, 9])], STEPS[:4]
        self.server.failing = self.script.choice([0.0, 0.4, 0.7])
        errand, begin = self.script.choice([self._ask, self._call]), self.loop.time()
        return [self._draw_visit(begin + nth / 2, errand) for nth in range(2 * _HORIZON)]

    def _draw_time(self) -> float:
        return self.loop.time() + self.script.randint(0, 4 * _HORIZON) / 4

    def _draw_visit(self, at: float, errand: Callable[[], Awaitable[object]]) -> Visit:
        visit = Visit(at, errand)
        if self.world.likely(0.15):
            visit.patience = self.script.choice(STEPS)
        if self.world.likely(0.2):
            visit.cancelled_after = self.script.choice(STEPS)
        return visit

    # Errands.

    async def _ask(self) -> None:
        await self._get(self.script.choice(self.managers).get_token, self.watch.moment())

    async def _renew(self) -> None:
        manager, token = self.script.choice(self.managers), self.server.newest
        await self._get(lambda: manager.renew_token(token), self.watch.moment(other_than=token))
        self.world.keep_secret("a manager", repr(manager))

    async def _get(self, get: Callable[[], Awaitable[str]], asked: Moment) -> None:
        try:
            token = await get()
        except Exception as error:
            self.watch.turn_away(error, asked)
            raise
        self.watch.hand_out(token, asked)

    async def _call(self) -> None:
        await Hop(self.watch, self.server).run(self.script.choice(self.middlewares))

    async def _revoke(self) -> None:
        self.world.note("revoked", self.server.newest)
        self.server.revoked.update(self.server.expiries)

    async def _fall_ill(self) -> None:
        self.world.note("the server fails")
        failing, self.server.failing = self.server.failing, 1.0
        try:
            await asyncio.sleep(3)
        finally:
            self.server.failing = failing

    async def _refuse_all(self) -> None:
        self.world.note("the API refuses everything")
        self.server.refuses_all = True
        try:
            await asyncio.sleep(3)
        finally:
            self.server.refuses_all = False

    async def _reset(self) -> None:
        await self.script.choice(self.managers).reset_token()

    async def _reset_when_busy(self) -> None:
        for _ in range(4 * _HORIZON):
            if self._is_busy():
                break
            await asyncio.sleep(0.25)
        await self._reset()

    async def _logout(self) -> None:
        await self.script.choice(self.managers).logout()

    def _is_busy(self) -> bool:
        return any(not flight.is_over for flight in self.watch.flights)

    async def _close(self) -> None:
        await self.script.choice(self.managers).close()

    def _cancel(self, visit: Visit, task: asyncio.Task[None]) -> None:
        visit.is_cancelled = task.cancel()
        if visit.is_cancelled:
            self.world.note("is cancelled")


class ImplicitScenario(Scenario):
    """Managers of the implicit flow that share an async storage and the one login."""

    def _make_managers(self) -> tuple[Watch, Sequence[ObservedManager]]:
        self.faults += [self._revoke, self._reset, self._reset_when_busy]
        self.storage = storage = AsyncStorage(self.world)
        count = self.script.choice([1, 1, 2])
        watch = LoginWatch(self.world, self.renewal, self.server.expiry_of)
        watch.is_shared = count > 1
        watch.is_stored = lambda: storage.token is not None
        ObservedImplicitManager.storage = storage
        managers = [
            ObservedImplicitManager("https://as.example.com/", "id", "", renewal=self.renewal)
            for _ in range(count)
        ]
        for manager in managers:
            manager.watch = watch
            manager.play_person(FakeGrant(self.server, watch))
        return watch, managers

    def _is_busy(self) -> bool:
        return self.storage.is_saving


KINDS: dict[str, type[Scenario]] = {"plain": Scenario, "implicit": ImplicitScenario}


async def _cancel_all(playing: asyncio.Task[None]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(playing, *others, return_exceptions=True)


def play(kind: type[Scenario], seed: int) -> tuple[World, list[str]]:
    """Play one seed; return its world, and the faults of its loop, which may grow afterwards."""
    loop = VirtualTimeLoop(seed)
    scenario = kind(loop, seed)
    playing = loop.create_task(scenario.play())
    with overheard() as records:
        try:
            loop.run_until_complete(playing)
        except DeadlockError as deadlock:
            scenario.world.must(f"nobody hangs (R071): {deadlock}", holds=False)
            loop.run_until_complete(_cancel_all(playing))
        finally:
            loop.close()
    for record in records:
        scenario.world.keep_secret("a log", words_logged(record))
    return scenario.world, loop.faults
