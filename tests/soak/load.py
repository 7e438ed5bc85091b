"""The load of a soak: who sends what, all the time, and checks what comes back.

Three users: a `Client`, a session with the middleware, and callers of a manager alone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Final

from aiohttp import ClientError, ClientSession

from aioalf import (
    Client,
    ClientSecretBasic,
    Renewal,
    Retry,
    Token,
    TokenError,
    TokenManager,
)
from aioalf.client_auth import Credentials, FormInMaking
from aioalf.grants import ClientCredentials, Grant, TokenSource
from tests.soak.diary import Diary

Sender = Client | ClientSession
Exchange = Callable[[Sender, str, int], Awaitable[str]]

RETRY: Final = Retry(delay=0.1)
RENEWAL: Final = Renewal(pause=0.5)
TIMEOUT: Final = 1.0
"""Of a token request, in seconds."""
GRACE: Final = 4.0
"""An event touches what runs so long after its end, in seconds: until then an attempt that hung is
over, a pause of what a server asked for has passed, and a busy machine has caught up."""

_BREAK: Final = 0.08
_RESET_EVERY: Final = 50
_THINGS: Final = 60
"""So many are asked for by their path: each new URL goes into caches of yarl, which is growth."""


class Account(ClientSecretBasic, Grant):
    """Counts one manager's token requests, and tells the diary of each token that was got.

    It is the manager's grant and its client authentication: each attempt passes through both.
    """

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self._diary = diary
        # A flight that was abandoned goes on beside the next one: each counts its own.
        self._attempts: ContextVar[Counter[str] | None] = ContextVar("attempts", default=None)

    async def authenticate(
        self, credentials: Credentials, form: FormInMaking, audience: str
    ) -> Mapping[str, str]:
        """Count an attempt."""
        if (attempts := self._attempts.get()) is not None:
            attempts["made"] += 1
        return await super().authenticate(credentials, form, audience)

    async def request_token(self, endpoint: TokenSource) -> Token:
        """Get a token as the default grant does."""
        attempts, begun, got = Counter[str](), _now(), False
        self._attempts.set(attempts)
        try:
            token = await ClientCredentials().request_token(endpoint)
            got = True
            return token
        finally:
            self._diary.note_flight(attempts["made"], got=got, begun=begun, ended=_now())


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
    "POST, stream": _post_stream,
    "websocket": _websocket,
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
            kind = kinds[number % len(kinds)]
            await self._once(f"{user}: {kind}", partial(EXCHANGES[kind], sender, self._url, number))

    async def ask(self, manager: TokenManager) -> None:
        """Ask a manager for its token, and reset it now and then."""
        for number in itertools.count(1):
            await self._once("manager: get_token", partial(_got, manager))
            if number % _RESET_EVERY == 0:
                await manager.reset_token()

    async def _once(self, kind: str, exchange: Callable[[], Awaitable[str]]) -> None:
        await self._may_go.wait()
        self._running += 1
        begun = _now()
        try:
            outcome = await exchange()
        except (ClientError, TokenError, OSError) as error:
            # aiohttp's handshake errors are known by their status, as its responses are.
            outcome = str(getattr(error, "status", "") or type(error).__name__)
        finally:
            self._running -= 1
            if not self._running:
                self._still.set()
        self._diary.note(kind, outcome, begun, _now())
        await asyncio.sleep(_BREAK)


async def _got(manager: TokenManager) -> str:
    return "ok" if await manager.get_token() else "no token"


def _now() -> float:
    return asyncio.get_running_loop().time()
