"""Scenarios in which sessions, a client and a manager are closed in any order.

A `Client` and the manager of an `OAuth2Middleware` share a login in a cache. Their requests use
sessions of the program, which may be closed before the client and during a refresh. All code of
aiohttp and of the client runs, on a network in memory.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from yarl import URL

from aioalf import Client, OAuth2Middleware, Token, TokenError, TokenManager
from aioalf.grants import AuthorizationServer
from tests.robustness.interleavings.login_scenario import SlowCache
from tests.robustness.interleavings.memory_network import Network, Received, answer_of
from tests.robustness.interleavings.oracle import Oracle
from tests.robustness.interleavings.scenario import Caller, Scenario
from tests.robustness.interleavings.world import SECRET_MARK

_AS = "as.example.com"
_SECRET = f"{SECRET_MARK}-secret"


class CodeGrant:
    """A grant that has a new code whenever it is asked."""

    name = "authorization_code"
    can_begin = True
    is_interactive = True
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = ""

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Exchange a code."""
        return await server.request({"grant_type": self.name, "code": f"{SECRET_MARK}-code"})


class SessionScenario(Scenario):
    """A client and a middleware with a shared login, and the sessions that they use."""

    def _make_managers(self) -> tuple[Oracle, Sequence[Any]]:
        self.faults = []
        self.answered: list[str] = []
        """The refresh tokens of complete responses."""
        self.used: set[str] = set()
        self.stored: set[str | None] = set()
        self.lifetime = self.choices.choice([1, 2, 30])
        self.delays = self.choices.choice([(0.0, 0.5), (1.0, 2.0, 4.0)])
        self.network = Network(self.loop, self._serve, _ignore, limit=2)
        return Oracle(self.world, self.renewal, self.server.expiry_of), []

    def _draw_callers(self) -> list[Caller]:
        requests = [
            self._draw_caller(self._draw_time(), self.choices.choice([self._request, self._send]))
            for _ in range(self.choices.randint(3, 12))
        ]
        return [*requests, Caller(self._draw_time(), self._close_everything)]

    async def play(self) -> None:
        """Play the scenario with aiohttp on the network in memory."""
        with pytest.MonkeyPatch.context() as patches:
            self.network.install(patches)
            self._open()
            try:
                await super().play()
                await self.network.wait_for_servers()
            finally:
                await self.network.close()

    def _open(self) -> None:
        cache = SlowCache(self.world, self._note_change)
        options: dict[str, Any] = {
            "grant": CodeGrant(),
            "cache": cache,
            "renewal": self.renewal,
        }
        has_session = self.world.likely(0.7)
        self.session = self.network.session() if has_session else None
        self.client = Client("id", _SECRET, f"https://{_AS}/token", session=self.session, **options)
        self.manager = TokenManager(f"https://{_AS}/token", "id", _SECRET, **options)
        self.other = self.network.session(middlewares=(OAuth2Middleware(self.manager),))

    def _note_change(self, record: Mapping[str, Any] | None) -> None:
        if record is not None:
            self.stored.add(record["refresh_token"])

    # Servers.

    async def _serve(self, request: Received) -> bytes:
        await self.world.pass_time(self.delays)
        if request.url.host != _AS:
            is_accepted = request.headers["Authorization"].endswith(str(len(self.answered)))
            return answer_of(200 if is_accepted or self.world.likely(0.5) else 401, {})
        form = URL(f"?{request.body.decode()}").query
        sent = form.get("refresh_token")
        self.world.note("token request", sent or "code")
        if sent is not None:
            self.world.must("a refresh token is sent once (R040)", holds=sent not in self.used)
            self.used.add(sent)
        await self.world.pass_time(self.delays)
        self.answered.append(f"{SECRET_MARK}-refresh-{len(self.answered) + 1}")
        self.world.note("token response", self.answered[-1])
        return answer_of(
            200,
            {
                "access_token": f"{SECRET_MARK}-t{len(self.answered)}",
                "token_type": "Bearer",
                "expires_in": self.lifetime,
                "refresh_token": self.answered[-1],
            },
        )

    def _server_tasks(self) -> set[asyncio.Task[Any]]:
        return set(self.network.serving)

    # Actions of callers.

    async def _request(self) -> None:
        await self._try(lambda: self._load(self.client))

    async def _send(self) -> None:
        await self._try(lambda: self._load(self.other))

    async def _load(self, session: Client | ClientSession) -> None:
        async with session.get("https://api.example.com/") as response:
            self.world.note("API response", response.status)

    async def _try(self, send: Callable[[], Awaitable[None]]) -> None:
        try:
            await send()
        except (ClientError, RuntimeError, TimeoutError, TokenError) as error:
            self.world.note("raised", repr(error))
            self.world.errors.append(error)
            raise
        except AssertionError as error:
            # Of aiohttp, if the session is closed while a middleware waits for a token.
            self.world.must("only a closed session asserts", holds=self.other.closed)
            self.world.errors.append(error)
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # aiohttp cancels a request that waits for a connection of a closed session.
            cut_off = ClientError("cut off")
            self.world.errors.append(cut_off)
            raise cut_off from error

    async def _close_everything(self) -> None:
        closings = [self.client.close, self.manager.close, self.other.close]
        if self.session is not None:
            closings.append(self.session.close)
        self.choices.shuffle(closings)
        for close in closings[: self.choices.randint(1, len(closings))]:
            self.world.note("close", getattr(close, "__qualname__", ""))
            await close()
            await self.world.pass_time()

    async def _end(self) -> None:
        sessions = [self.other] if self.session is None else [self.session, self.other]
        closings = [self.client.close, self.manager.close, *(each.close for each in sessions)]
        self.choices.shuffle(closings)
        for close in closings:
            self.world.note("close", getattr(close, "__qualname__", ""))
            await close()
        self.world.must(
            "a refresh that was sent is stored, whatever is closed (R044)",
            holds=self.stored.issuperset(self.answered),
        )
        self.world.must("close() closes all connections (R077)", holds=not self.network.is_in_use)


def _ignore(url: URL, headers: Mapping[str, str]) -> None:
    """Nothing is checked when a request is sent."""
