"""The basic scenario: callers, a token server and disturbances, drawn from a seed, and `play`.

A scenario reports what happens to its `Oracle`. It replaces only the grant and the HTTP request;
all code of the client in between is real. Other kinds of scenarios extend `Scenario`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import ClientRequest, ClientResponse
from multidict import CIMultiDict
from yarl import URL

from aioalf import OAuth2Middleware
from aioalf.renewal import Renewal
from tests.robustness.interleavings.observed_manager import ObservedKeyedManager, ObservedManager
from tests.robustness.interleavings.oracle import Moment, Oracle
from tests.robustness.interleavings.token_server import FakeGrant, TokenServer
from tests.robustness.interleavings.visible_text import captured_logs, text_of_error, text_of_record
from tests.robustness.interleavings.world import DELAYS, SECRET_MARK, World
from tests.support.virtual_time import DeadlockError, VirtualTimeLoop

_HORIZON = 12  # seconds within which all callers start
_SECRET = f"{SECRET_MARK}-secret"


@dataclass
class Caller:
    """A task of the scenario: its start, its action, and how it may end early."""

    at: float
    action: Callable[[], Awaitable[object]]
    timeout: float | None = None
    cancelled_after: float | None = None
    is_cancelled: bool = False

    async def __call__(self, loop: VirtualTimeLoop) -> None:
        """Wait for the start, then run the action."""
        await asyncio.sleep(self.at - loop.time())
        async with asyncio.timeout(self.timeout):
            await self.action()


@dataclass
class ApiRequest:
    """A request to an API through `OAuth2Middleware`, without a network."""

    oracle: Oracle
    server: TokenServer
    started: Moment = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.oracle.moment()

    async def run(self, middleware: OAuth2Middleware) -> None:
        """Send the request."""
        request = SimpleNamespace(
            url=URL("https://api.example.com/"),
            headers=CIMultiDict[str](),
            body=b"",
            session=_Session(),
            close=_nothing,
        )
        try:
            await middleware(cast("ClientRequest", request), self._send)
        except Exception as error:
            self.oracle.note_error(error, self.started)
            raise

    async def _send(self, request: ClientRequest) -> ClientResponse:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.oracle.note_result(token, self.started)
        await self.oracle.world.pass_time(self.server.delays)
        is_accepted = self.server.accepts(token)
        await self.oracle.world.pass_time(self.server.delays)
        self.started = self.oracle.moment(other_than=token)
        response = SimpleNamespace(
            status=200 if is_accepted else 401,
            headers=CIMultiDict[str](),
            release=lambda: None,
        )
        return cast("ClientResponse", response)


async def _nothing() -> None:
    """Do nothing."""


class _Session:
    """The session of a request, which sends nothing here."""

    connector = None


class Scenario:
    """The manager, the server and the callers of one seed."""

    def __init__(self, loop: VirtualTimeLoop, seed: int) -> None:
        self.loop = loop
        self.world = World(loop, seed)
        self.server = TokenServer(self.world)
        self.choices = self.world.choices
        self.renewal = Renewal(
            before_expiry=self.choices.choice([0.0, 1.0, 300.0]),
            failure_backoff=self.choices.choice([0.0, 0.5, 1.0, 2.0]),
        )
        self.faults: list[Callable[[], Awaitable[None]]] = [
            *(self._revoke, self._reject_all_for_a_while, self._fail_for_a_while),
            *(self._reset, self._reset_when_busy, self._logout, self._close),
        ]
        self.oracle, self.managers = self._make_managers()
        self.middlewares = [OAuth2Middleware(manager) for manager in self.managers]
        self.callers = self._draw_callers()

    def _make_managers(self) -> tuple[Oracle, Sequence[ObservedManager]]:
        oracle = Oracle(self.world, self.renewal, self.server.expiry_of)
        # The middleware treats a manager with its own `cached_token` differently.
        made = self.world.rare_choices.choice([ObservedManager, ObservedKeyedManager])
        manager = made(
            "https://as.example.com/token",
            "id",
            _SECRET,
            grant=FakeGrant(self.server, oracle),
            renewal=self.renewal,
        )
        manager.oracle = oracle
        manager.gives_members = self.world.likely(0.5)
        return oracle, [manager]

    async def play(self) -> None:
        """Run all callers, close the managers, and check that no task is left."""
        tasks = [self.loop.create_task(caller(self.loop)) for caller in self.callers]
        for caller, task in zip(self.callers, tasks, strict=True):
            if caller.cancelled_after is not None:
                self.loop.call_at(caller.at + caller.cancelled_after, self._cancel, caller, task)
        await asyncio.wait(tasks)
        for caller, task in zip(self.callers, tasks, strict=True):
            self._check_end_of(caller, task)
        await self._end()
        left = asyncio.all_tasks() - {asyncio.current_task()} - self._server_tasks()
        self.world.must("no task is left after close() (R077)", holds=not left)

    async def _end(self) -> None:
        for manager in self.managers:
            await manager.close()
            self.world.keep_secret("a manager", repr(manager))

    def _server_tasks(self) -> set[asyncio.Task[Any]]:
        """Return tasks of fake servers, which may still run after close()."""
        return set()

    def _text_of_error(self, error: BaseException) -> str:
        return text_of_error(error)

    def _check_end_of(self, caller: Caller, task: asyncio.Task[None]) -> None:
        self.world.must(
            "only the cancelled caller is cancelled (R071)",
            holds=task.cancelled() == caller.is_cancelled,
        )
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.world.keep_secret("an error", self._text_of_error(error))
        if error is None or any(error is known for known in self.world.errors):
            return
        self.world.must(
            f"only callers with a timeout time out (R071): {error!r}",
            holds=isinstance(error, TimeoutError) and caller.timeout is not None,
        )
        self.world.note("caller timed out")

    # Choices of the seed.

    def _draw_callers(self) -> list[Caller]:
        callers = self._draw_steady_callers() if self.world.likely(0.4) else self._draw_bursts()
        for fault in self.faults:
            if self.world.likely(0.35):
                count = self.choices.randint(1, 2)
                callers += [self._draw_caller(self._draw_time(), fault) for _ in range(count)]
        return callers

    def _draw_bursts(self) -> list[Caller]:
        callers: list[Caller] = []
        for _ in range(self.choices.randint(2, 6)):
            at = self._draw_time()
            action = self.choices.choice(
                [self._get_token, self._send_request, self._send_request, self._renew_token]
            )
            callers += [self._draw_caller(at, action) for _ in range(self.choices.randint(1, 6))]
        return callers

    def _draw_steady_callers(self) -> list[Caller]:
        """Draw a steady load, during which tokens are renewed."""
        self.server.lifetimes, self.server.delays = [self.choices.choice([3, 6, 9])], DELAYS[:4]
        self.server.failure_rate = self.choices.choice([0.0, 0.4, 0.7])
        action, begin = self.choices.choice([self._get_token, self._send_request]), self.loop.time()
        return [self._draw_caller(begin + nth / 2, action) for nth in range(2 * _HORIZON)]

    def _draw_time(self) -> float:
        return self.loop.time() + self.choices.randint(0, 4 * _HORIZON) / 4

    def _draw_caller(self, at: float, action: Callable[[], Awaitable[object]]) -> Caller:
        caller = Caller(at, action)
        if self.world.likely(0.15):
            caller.timeout = self.choices.choice(DELAYS)
        if self.world.likely(0.2):
            caller.cancelled_after = self.choices.choice(DELAYS)
        return caller

    # Actions of callers.

    async def _get_token(self) -> None:
        await self._get(self.choices.choice(self.managers).get_token, self.oracle.moment())

    async def _renew_token(self) -> None:
        manager, token = self.choices.choice(self.managers), self.server.newest
        await self._get(lambda: manager.renew_token(token), self.oracle.moment(other_than=token))
        self.world.keep_secret("a manager", repr(manager))

    async def _get(self, get: Callable[[], Awaitable[str]], started: Moment) -> None:
        try:
            token = await get()
        except Exception as error:
            self.oracle.note_error(error, started)
            raise
        self.oracle.note_result(token, started)

    async def _send_request(self) -> None:
        await ApiRequest(self.oracle, self.server).run(self.choices.choice(self.middlewares))

    async def _revoke(self) -> None:
        self.world.note("all tokens revoked", self.server.newest)
        self.server.revoked.update(self.server.expiries)

    async def _fail_for_a_while(self) -> None:
        self.world.note("server fails")
        failure_rate, self.server.failure_rate = self.server.failure_rate, 1.0
        try:
            await asyncio.sleep(3)
        finally:
            self.server.failure_rate = failure_rate

    async def _reject_all_for_a_while(self) -> None:
        self.world.note("API rejects everything")
        self.server.rejects_all = True
        try:
            await asyncio.sleep(3)
        finally:
            self.server.rejects_all = False

    async def _reset(self) -> None:
        await self.choices.choice(self.managers).reset_token()

    async def _reset_when_busy(self) -> None:
        for _ in range(4 * _HORIZON):
            if self._is_busy():
                break
            await asyncio.sleep(0.25)
        await self._reset()

    async def _logout(self) -> None:
        await self.choices.choice(self.managers).logout()

    def _is_busy(self) -> bool:
        return any(not token_request.is_over for token_request in self.oracle.token_requests)

    async def _close(self) -> None:
        await self.choices.choice(self.managers).close()

    def _cancel(self, caller: Caller, task: asyncio.Task[None]) -> None:
        caller.is_cancelled = task.cancel()
        if caller.is_cancelled:
            self.world.note("caller cancelled")


async def _cancel_all(playing: asyncio.Task[None]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(playing, *others, return_exceptions=True)


def play(kind: type[Scenario], seed: int) -> tuple[World, list[str]]:
    """Play one seed.

    Returns:
        The world, with its events and broken promises; and the faults of the loop, to which a later
        garbage collection may add.

    """
    loop = VirtualTimeLoop(seed)
    scenario = kind(loop, seed)
    playing = loop.create_task(scenario.play())
    with captured_logs() as records:
        try:
            loop.run_until_complete(playing)
        except DeadlockError as deadlock:
            scenario.world.must(f"no caller hangs (R071): {deadlock}", holds=False)
            loop.run_until_complete(_cancel_all(playing))
        finally:
            loop.close()
    for record in records:
        scenario.world.keep_secret("a log", text_of_record(record))
    return scenario.world, loop.faults
