"""The load of a soak: workers that send requests and check the responses.

There are three kinds of users: a `Client`, a session with the middleware, and a manager alone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from unittest import mock

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TraceConfig,
    TraceRequestHeadersSentParams,
)

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
from tests.robustness.soak.events import GET_TOKEN, WEBSOCKET, now
from tests.robustness.soak.refusals import PAUSE, STREAM, TOKEN_RESPONSE, Request

Sender = Client | ClientSession
Exchange = Callable[[Sender, str, int], Awaitable[str]]

RETRY: Final = Retry(wait_initial=0.1)
RENEWAL: Final = Renewal(failure_backoff=PAUSE)
TIMEOUT: Final = 1.0
"""Timeout of a token request, in seconds."""
GRACE: Final = 4.0
"""Seconds after its end in which an event still affects requests: until then hanging attempts have
timed out, a Retry-After has passed, and a busy machine has caught up."""

_DELAY: Final = 0.08
_RESET_EVERY: Final = 50
_THINGS: Final = 60
"""Number of different URLs. yarl caches URLs, so an unlimited number would look like growth."""


# The tokens of the current request; aiohttp calls trace hooks in the task of the request.
_SENT: ContextVar[list[str]] = ContextVar("sent")


def trace_tokens() -> TraceConfig:
    """Return a TraceConfig that records the token of each attempt of a request."""
    config = TraceConfig()
    config.on_request_headers_sent.append(_note_sent)
    return config


def trace_own_sessions() -> AbstractContextManager[object]:
    """Add `trace_tokens` to sessions that clients create from now on."""
    traced = partial(ClientSession, trace_configs=[trace_tokens()])
    return mock.patch("aioalf._requests.session_factory.ClientSession", traced)


async def _note_sent(
    session: ClientSession, context: object, what: TraceRequestHeadersSentParams
) -> None:
    scheme, _, token = what.headers.get("Authorization", "").partition(" ")
    if scheme == "Bearer":  # token requests use Basic
        _SENT.get().append(token)


@dataclass
class _Attempts:
    last_at: float
    made: int = 0


class Account(ClientSecretBasic, Grant):
    """Counts the token requests of one manager.

    It is the grant and the client authentication of the manager: each attempt uses both.
    """

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self._diary = diary
        # After a reset two token requests may be in flight; each counts its own attempts.
        self._attempts: ContextVar[_Attempts | None] = ContextVar("attempts", default=None)
        self._last: str | None = None

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Count the attempt."""
        if (attempts := self._attempts.get()) is not None:
            attempts.made += 1
            attempts.last_at = now()
        return await super().authenticate(credentials, form, audience)

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Request a token with the client credentials grant, and record it."""
        begun, got = now(), False
        attempts = _Attempts(begun)
        self._attempts.set(attempts)
        try:
            token = await ClientCredentials().request_token(server)
            got = True
        finally:
            self._diary.note_token_requests(attempts.made, got=got, begun=begun, ended=now())
        # The last attempt got the token; earlier ones failed.
        value, after = token.access_token, self._last
        self._last = value
        self._diary.refusals.note_token(value, after, attempts.last_at, now())
        return token


async def _get(sender: Sender, url: str, number: int) -> str:
    path = f"/things/{number % _THINGS}"
    async with sender.get(url + path) as response:
        return await _checked(response, url, "path", path)


async def _post_json(sender: Sender, url: str, number: int) -> str:
    async with sender.post(f"{url}/things", json={"number": number}) as response:
        return await _checked(response, url, "body", f'{{"number": {number}}}')


async def _post_bytes(sender: Sender, url: str, number: int) -> str:
    body = f"{number} ".encode() * 500
    async with sender.put(f"{url}/things", data=body) as response:
        return await _checked(response, url, "body", body.decode())


async def _post_form(sender: Sender, url: str, number: int) -> str:
    async with sender.post(f"{url}/things", data={"number": str(number)}) as response:
        return await _checked(response, url, "body", f"number={number}")


async def _post_stream(sender: Sender, url: str, number: int) -> str:
    async def body() -> AsyncIterator[bytes]:
        yield b"number="
        yield str(number).encode()

    async with sender.post(f"{url}/things", data=body()) as response:
        return await _checked(response, url, "body", f"number={number}")


async def _checked(response: ClientResponse, url: str, member: str, expected: str) -> str:
    if response.status != 200:
        is_from_api = str(response.url).startswith(url)
        return f"{'' if is_from_api else TOKEN_RESPONSE}{response.status}"
    came = (await response.json())[member]
    return "ok" if came == expected else f"wrong {member}: {came!r:.100}"


async def _websocket(sender: Sender, url: str, number: int) -> str:
    async with sender.ws_connect(f"{url}/ws") as websocket:
        for turn in range(3):
            await websocket.send_str(f"{number} {turn}")
            came = await websocket.receive_str(timeout=20)
            if came != f"{number} {turn}":
                return f"wrong message: {came!r:.100}"
    return "ok"


EXCHANGES: Final[dict[str, Exchange]] = {
    "GET": _get,
    "POST, JSON": _post_json,
    "PUT, bytes": _post_bytes,
    "POST, form": _post_form,
    STREAM: _post_stream,
    WEBSOCKET: _websocket,
}


class User:
    """Something that sends requests, and that may be closed meanwhile.

    Attributes:
        senders: Its clients and sessions, by their names in the report.
        cuts: How often something was closed that a request may be using.
    """

    def __init__(self, **senders: Sender) -> None:
        self.senders: dict[str, Sender] = senders
        self.cuts = 0
        self._requests = 0
        self._idle = asyncio.Event()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a request."""
        self._requests += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    async def wait_until_idle(self) -> None:
        """Wait until no request is in flight."""
        if self._requests:
            await self._idle.wait()


class Load:
    """Workers that run until they are cancelled, and can be paused."""

    def __init__(self, diary: Diary, api_url: str) -> None:
        self._diary = diary
        self._url = api_url
        self._is_running = asyncio.Event()
        self._is_running.set()
        self._everything = User()

    async def pause(self) -> None:
        """Delay new requests and steps, and wait until no request and no step is in flight."""
        self._is_running.clear()
        await self._everything.wait_until_idle()

    def resume(self) -> None:
        """Resume."""
        self._is_running.set()

    async def send(self, user: str, sender: Sender, first: int) -> None:
        """Send all kinds of requests in turn, starting with number `first`."""
        kinds = list(EXCHANGES)
        for number in itertools.count(first):
            await self.send_one(user, sender, kinds[number % len(kinds)], number)
            await asyncio.sleep(_DELAY)

    async def send_from(self, current: Callable[[], User], name: str, kinds: Sequence[str]) -> None:
        """Send these kinds of requests in turn, each with the sender of this name of a new user."""
        for number in itertools.count():
            await self._is_running.wait()
            user, kind = current(), kinds[number % len(kinds)]
            exchange = partial(EXCHANGES[kind], user.senders[name], self._url, number)
            with user.in_use():
                await self._once(f"{name}: {kind}", exchange, user)
            await asyncio.sleep(_DELAY)

    async def step(self, step: Callable[[], Awaitable[None]]) -> None:
        """Run a step of an event; no step runs during a pause."""
        await self._is_running.wait()
        with self._everything.in_use():
            await step()

    async def send_one(self, user: str, sender: Sender, kind: str, number: int) -> None:
        """Send a request of this kind and record its outcome."""
        await self._once(f"{user}: {kind}", partial(EXCHANGES[kind], sender, self._url, number))

    async def get_tokens(self, manager: TokenManager) -> None:
        """Get the token of a manager again and again, and reset it sometimes."""
        for number in itertools.count(1):
            await self._once(GET_TOKEN, partial(_got, manager))
            if number % _RESET_EVERY == 0:
                await manager.reset_token()
            await asyncio.sleep(_DELAY)

    async def _once(
        self, kind: str, exchange: Callable[[], Awaitable[str]], user: User | None = None
    ) -> None:
        await self._is_running.wait()
        user = user or User()
        begun, sent, cuts = now(), list[str](), user.cuts
        _SENT.set(sent)
        with self._everything.in_use():
            outcome = await _outcome_of(exchange)
        self._diary.note(Request(kind, outcome, begun, now(), sent, user.cuts > cuts))


async def _outcome_of(exchange: Callable[[], Awaitable[str]]) -> str:
    try:
        return await exchange()
    except (ClientError, TokenError, OSError, RuntimeError, AssertionError, TypeError) as error:
        # Handshake errors of aiohttp have a status, like responses.
        return str(getattr(error, "status", "") or type(error).__name__)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return "CancelledError"  # of aiohttp, which cancels requests of a closed session


async def _got(manager: TokenManager) -> str:
    return "ok" if await manager.get_token() else "no token"


def options(diary: Diary) -> dict[str, Any]:
    """Return the keywords for a client or manager with an `Account` of its own."""
    account = Account(diary)
    return {
        "http_options": {"timeout": ClientTimeout(total=TIMEOUT)},
        "client_auth": account,
        "grant": account,
        "renewal": RENEWAL,
        "retry": RETRY,
    }
