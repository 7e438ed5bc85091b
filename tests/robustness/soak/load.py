"""The load of a soak: who sends what, all the time, and checks what comes back.

Three users: a `Client`, a session with the middleware, and callers of a manager alone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Final
from unittest import mock

from aiohttp import ClientError, ClientSession, TraceConfig, TraceRequestHeadersSentParams

from aioalf import (
    Client,
    ClientSecretBasic,
    Renewal,
    Retry,
    Token,
    TokenError,
    TokenManager,
)
from aioalf.client_auth import Credentials, MutableForm
from aioalf.grants import AuthorizationServer, ClientCredentials, Grant
from tests.robustness.soak.diary import Diary
from tests.robustness.soak.events import GET_TOKEN, WEBSOCKET
from tests.robustness.soak.refusals import PAUSE, STREAM, Request

Sender = Client | ClientSession
Exchange = Callable[[Sender, str, int], Awaitable[str]]

RETRY: Final = Retry(wait_initial=0.1)
RENEWAL: Final = Renewal(failure_backoff=PAUSE)
TIMEOUT: Final = 1.0
"""Of a token request, in seconds."""
GRACE: Final = 4.0
"""An event touches what runs so long after its end, in seconds: until then an attempt that hung is
over, a pause of what a server asked for has passed, and a busy machine has caught up."""

_BREAK: Final = 0.08
_RESET_EVERY: Final = 50
_THINGS: Final = 60
"""So many are asked for by their path: each new URL goes into caches of yarl, which is growth."""


# The tokens that this task's request was sent with so far: aiohttp tells of each time in its task.
_SENT: ContextVar[list[str]] = ContextVar("sent")


def watch() -> TraceConfig:
    """Return what makes a session tell which tokens a request is sent with, repeats and all."""
    config = TraceConfig()
    config.on_request_headers_sent.append(_note_sent)
    return config


def own_sessions_watched() -> AbstractContextManager[object]:
    """Let the sessions tell, too, that clients make for themselves from now on.

    Nobody can ask them to; and a session that is given to a client is used in another way.
    """
    watched = partial(ClientSession, trace_configs=[watch()])
    return mock.patch("aioalf._requests.session.ClientSession", watched)


async def _note_sent(
    session: ClientSession, context: object, what: TraceRequestHeadersSentParams
) -> None:
    scheme, _, token = what.headers.get("Authorization", "").partition(" ")
    if scheme == "Bearer":  # token requests go out in the name of a request, with Basic
        _SENT.get().append(token)


@dataclass
class _Attempts:
    last_at: float
    made: int = 0


class Account(ClientSecretBasic, Grant):
    """Counts one manager's token requests, and tells the diary of each token that was got.

    It is the manager's grant and its client authentication: each attempt passes through both.
    """

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self._diary = diary
        # A flight that was abandoned goes on beside the next one: each counts its own.
        self._attempts: ContextVar[_Attempts | None] = ContextVar("attempts", default=None)
        self._last: str | None = None

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Count an attempt."""
        if (attempts := self._attempts.get()) is not None:
            attempts.made += 1
            attempts.last_at = _now()
        return await super().authenticate(credentials, form, audience)

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Get a token as the default grant does."""
        begun, got = _now(), False
        attempts = _Attempts(begun)
        self._attempts.set(attempts)
        try:
            token = await ClientCredentials().request_token(endpoint)
            got = True
        finally:
            self._diary.note_flight(attempts.made, got=got, begun=begun, ended=_now())
        # It was issued by the last attempt: one that was given up gave nothing.
        value, after = token.access_token, self._last
        self._last = value
        self._diary.refusals.note_token(value, after, attempts.last_at, _now())
        return token


async def _get(sender: Sender, url: str, number: int) -> str:
    path = f"/things/{number % _THINGS}"
    async with sender.get(url + path) as response:
        return await _checked(response.status, response.json, "path", path)


async def _post_json(sender: Sender, url: str, number: int) -> str:
    async with sender.post(f"{url}/things", json={"number": number}) as response:
        return await _checked(response.status, response.json, "body", f'{{"number": {number}}}')


async def _post_bytes(sender: Sender, url: str, number: int) -> str:
    body = f"{number} ".encode() * 500
    async with sender.put(f"{url}/things", data=body) as response:
        return await _checked(response.status, response.json, "body", body.decode())


async def _post_form(sender: Sender, url: str, number: int) -> str:
    async with sender.post(f"{url}/things", data={"number": str(number)}) as response:
        return await _checked(response.status, response.json, "body", f"number={number}")


async def _post_stream(sender: Sender, url: str, number: int) -> str:
    async def body() -> AsyncIterator[bytes]:
        yield b"number="
        yield str(number).encode()

    async with sender.post(f"{url}/things", data=body()) as response:
        return await _checked(response.status, response.json, "body", f"number={number}")


async def _checked(
    status: int, read: Callable[[], Awaitable[dict[str, object]]], member: str, expected: str
) -> str:
    if status != 200:
        return str(status)
    came = (await read())[member]
    return "ok" if came == expected else f"the wrong {member}: {came!r:.100}"


async def _websocket(sender: Sender, url: str, number: int) -> str:
    async with sender.ws_connect(f"{url}/ws") as websocket:
        for turn in range(3):
            await websocket.send_str(f"{number} {turn}")
            came = await websocket.receive_str(timeout=20)
            if came != f"{number} {turn}":
                return f"the wrong message: {came!r:.100}"
    return "ok"


EXCHANGES: Final[dict[str, Exchange]] = {
    "GET": _get,
    "POST, JSON": _post_json,
    "PUT, bytes": _post_bytes,
    "POST, form": _post_form,
    STREAM: _post_stream,
    WEBSOCKET: _websocket,
}


class Load:
    """Workers that go on until they are cancelled, and hold still when they are asked to."""

    def __init__(self, diary: Diary, api_url: str) -> None:
        self._diary = diary
        self._url = api_url
        self._may_go = asyncio.Event()
        self._may_go.set()
        self._running = 0
        self._still = asyncio.Event()

    async def hold_still(self) -> None:
        """Wait until nobody sends anything, and nobody begins to."""
        self._may_go.clear()
        if self._running:
            self._still.clear()
            await self._still.wait()

    def go_on(self) -> None:
        """Let them go on."""
        self._may_go.set()

    async def send(self, user: str, sender: Sender, first: int) -> None:
        """Send one kind of request after the other, beginning with the one of this number."""
        kinds = list(EXCHANGES)
        for number in itertools.count(first):
            await self.send_one(user, sender, kinds[number % len(kinds)], number)
            await asyncio.sleep(_BREAK)

    async def send_one(self, user: str, sender: Sender, kind: str, number: int) -> None:
        """Send a request of this kind, and tell the diary what it came to."""
        await self._once(f"{user}: {kind}", partial(EXCHANGES[kind], sender, self._url, number))

    async def ask(self, manager: TokenManager) -> None:
        """Ask a manager for its token, and reset it now and then."""
        for number in itertools.count(1):
            await self._once(GET_TOKEN, partial(_got, manager))
            if number % _RESET_EVERY == 0:
                await manager.reset_token()
            await asyncio.sleep(_BREAK)

    async def _once(self, kind: str, exchange: Callable[[], Awaitable[str]]) -> None:
        await self._may_go.wait()
        self._running += 1
        begun, sent = _now(), list[str]()
        _SENT.set(sent)
        try:
            outcome = await exchange()
        except (ClientError, TokenError, OSError) as error:
            # aiohttp's handshake errors are known by their status, as its responses are.
            outcome = str(getattr(error, "status", "") or type(error).__name__)
        finally:
            self._running -= 1
            if not self._running:
                self._still.set()
        self._diary.note(Request(kind, outcome, begun, _now(), sent))


async def _got(manager: TokenManager) -> str:
    return "ok" if await manager.get_token() else "no token"


def _now() -> float:
    return asyncio.get_running_loop().time()
