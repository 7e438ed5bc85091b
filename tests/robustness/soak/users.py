"""The users of a soak that are closed and replaced, share a login, or have a cache that fails."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout

from aioalf import Client, OAuth2Middleware, TokenError, TokenManager
from aioalf.caches import FileCache, TokenCache
from aioalf.grants import ClientCredentials
from aioalf.testing import CacheFault, UnreliableCache
from aioalf.testing._lease_store import LeaseStore
from aioalf.testing.cache_faults import CacheFaultTable
from tests.robustness.soak import load
from tests.robustness.soak.diary import Diary
from tests.robustness.soak.events import (
    FAILING,
    FILES,
    LOGOUT,
    REPLACED,
    SERVICE,
    SLOW_DISK,
    CacheFaults,
    Disturbance,
    Event,
    now,
)
from tests.robustness.soak.load import EXCHANGES, Load, User
from tests.robustness.soak.refusals import Request
from tests.robustness.soak.shared_login import SharedLogin
from tests.robustness.soak.watched_cache import WatchedCache

_PAUSE: Final = 0.1  # seconds between two steps of a disturbance
_LEASE: Final = 30.0  # seconds: no claim is lost because the machine is slow
_LONGEST_CLOSE: Final = 120.0  # seconds: several times the limit, for a slow machine
_TIMEOUT: Final = ClientTimeout(total=60)  # of a token request: no late response is lost
Step = Callable[[], Awaitable[None]]

_CACHE_FAULTS: Final[Mapping[CacheFaults, CacheFault]] = {
    "errors": CacheFault.error(),
    "hangs": CacheFault.hang(),
    "delays": CacheFault.slow(0.3),
    "lost answers": CacheFault.error(takes_effect=True),
}


class ClosableUser(User):
    """Clients, managers and sessions that are closed together, in any order.

    Attributes:
        closings: The methods that close clients and managers.
        sessions: The sessions of the program.
        auth_sessions: Those among them that token requests use.
    """

    def __init__(self, cache: TokenCache | None = None, login: SharedLogin | None = None) -> None:
        super().__init__()
        self.cache = cache
        self._login = login
        self.closings: list[Callable[[], Coroutine[object, object, None]]] = []
        self.sessions: list[ClientSession] = []
        self.auth_sessions: list[ClientSession] = []

    def open_auth_session(self) -> ClientSession:
        """Return a new session for token requests: the option ``auth_session``."""
        self.auth_sessions.append(ClientSession())
        return self.auth_sessions[-1]

    def logging_out(self) -> AbstractContextManager[None]:
        """Return a context manager for the time of a logout."""
        return nullcontext() if self._login is None else self._login.logging_out()

    async def close_auth_sessions(self) -> None:
        """Close the sessions of token requests, also while they are in use."""
        self.cuts += 1
        closed, self.auth_sessions = self.auth_sessions, []
        for session in closed:
            await session.close()

    async def close(self, diary: Diary, chance: random.Random) -> None:
        """Close everything, and cancel some of the tasks that close a client or a manager."""
        self.cuts += 1
        sessions = [session.close for session in self.sessions]
        closings = [*self.closings, *sessions, self.close_auth_sessions]
        chance.shuffle(closings)
        tasks: list[asyncio.Task[None]] = []
        for close in closings:
            tasks.append(asyncio.create_task(close()))
            await asyncio.sleep(chance.choice([0, 0, 0.01]))
            if close in self.closings and chance.random() < 0.5:
                tasks[-1].cancel()
        done, pending = await asyncio.wait(tasks, timeout=_LONGEST_CLOSE)
        failures = [task.exception() for task in done if not task.cancelled()]
        for failure in [*filter(None, failures), *pending]:
            diary.add_error(f"close: {failure!r}")
        diary.logins["clients closed"] += len(self.closings)
        diary.logins["of these cancelled"] += sum(task.cancelled() for task in done)
        await self.wait_until_idle()
        await self.close_auth_sessions()  # a request in flight may have opened another one


class FailingCache(UnreliableCache):
    """One of the connections to a store whose faults are set for all of them."""

    def __init__(self, store: LeaseStore, faults: CacheFaultTable) -> None:
        super().__init__()
        self.faults = faults
        self._store = store
        self._client = store.add_client()


class Users:
    """Creates the users, and disturbs them during events.

    Two clients each share a login in files, a login in a failing cache, and the tokens of a service
    in that cache.

    Attributes:
        current: The users that were not replaced yet.
    """

    def __init__(
        self,
        diary: Diary,
        load: Load,
        urls: Mapping[str, str],
        directory: Path,
        chance: random.Random,
    ) -> None:
        self._diary = diary
        self._load = load
        self._urls = urls
        self._directory = directory
        self._chance = chance
        self._store = LeaseStore(_LEASE)
        self._faults = CacheFaultTable()
        self._logins = {
            name: SharedLogin(diary, name, urls["authorize"]) for name in (FILES, FAILING)
        }
        self._open: list[ClosableUser] = []
        makers = [self._replaced, *2 * [self._with_files, self._with_failing_cache, self._service]]
        self._makers: list[Callable[[], ClosableUser]] = makers
        self.current: list[ClosableUser] = [make() for make in makers]

    def workers(self) -> list[Coroutine[object, object, None]]:
        """Return coroutines that send requests."""
        return [
            self._load.send_from(partial(self.current.__getitem__, place), name, _kinds_of(name))
            for place, user in enumerate(self.current)
            for name in user.senders
        ]

    async def close(self) -> None:
        """Log out, and close everything. No request may be in flight."""
        self._end_faults()
        for user in self.current:
            await self._log_out(user)
        for user in [*self._open]:
            await self._close(user)

    def files(self) -> list[str]:
        """Return the names of the files in the directory of the file cache, except lock files."""
        return [file.name for file in self._directory.iterdir() if file.suffix != ".lock"]

    def forget(self) -> None:
        """Forget what the caches remember for tests, which would count as growth."""
        del self._store.leases[:-10]
        for user in self._open:
            if isinstance(user.cache, FailingCache):
                user.cache.log.clear()

    # Create

    def _replaced(self) -> ClosableUser:
        user, token_url = ClosableUser(), self._urls["token"]
        session = ClientSession(trace_configs=[load.trace_tokens()])
        arguments: dict[str, Any] = {
            "client_id": "client-id",
            "client_secret": "secret",
            "token_endpoint": token_url,
            "auth_session": user.open_auth_session,
        }
        client = Client(**arguments, session=session, **load.options(self._diary))
        manager = TokenManager(**arguments, **load.options(self._diary))
        other = ClientSession(
            middlewares=[OAuth2Middleware(manager)], trace_configs=[load.trace_tokens()]
        )
        user.senders = dict(zip(REPLACED, (client, other), strict=True))
        user.closings, user.sessions = [client.close, manager.close], [session, other]
        self._open.append(user)
        return user

    def _with_files(self) -> ClosableUser:
        return self._shared(FILES, WatchedCache(FileCache(self._directory), self._note_slow_disk))

    def _note_slow_disk(self, begun: float) -> None:
        self._diary.begin(SLOW_DISK, begun).ended = now()

    def _with_failing_cache(self) -> ClosableUser:
        return self._shared(FAILING, FailingCache(self._store, self._faults))

    def _service(self) -> ClosableUser:
        return self._shared(SERVICE, FailingCache(self._store, self._faults))

    def _shared(self, name: str, cache: TokenCache) -> ClosableUser:
        login = self._logins.get(name)
        client = Client(
            "client-id",
            "secret",
            self._urls["direct"],
            {"timeout": _TIMEOUT},
            raise_token_errors=True,
            endpoints={"revocation_endpoint": self._urls["revocation"]},
            grant=login or ClientCredentials(),
            client_auth=login,
            auth_trace_configs=[] if login is None else [login.trace()],
            cache=cache,
            renewal=load.RENEWAL,
            retry=load.RETRY,
        )
        user = ClosableUser(cache, login)
        user.senders, user.closings = {name: client}, [client.close]
        self._open.append(user)
        return user

    # Disturb

    @asynccontextmanager
    async def disturbing(self, event: Event) -> AsyncIterator[None]:
        """Do what an event says until the block ends."""
        if event.cache_faults is not None:
            self._faults.set_all(_CACHE_FAULTS[event.cache_faults])
        step = None if event.disturbance is None else self._steps()[event.disturbance]
        is_over = asyncio.Event()
        repeating = asyncio.ensure_future(self._repeat(step, is_over))
        try:
            yield
            is_over.set()
            await repeating
        finally:
            repeating.cancel()
            await asyncio.gather(repeating, return_exceptions=True)
            self._end_faults()

    async def _repeat(self, step: Step | None, is_over: asyncio.Event) -> None:
        while step is not None and not is_over.is_set():
            await self._load.step(step)
            await asyncio.sleep(_PAUSE)

    def _steps(self) -> dict[Disturbance, Step]:
        return {
            "replace": self.replace,
            "close sessions": self._close_auth_sessions,
            "log out": self._log_out_someone,
            "lose claims": self._lose_claims,
        }

    def _end_faults(self) -> None:
        if self._faults["get"] is not None:
            self._end_claims()  # a claim whose answer was lost may be unknown to its client
        self._faults.set_all(None)

    async def replace(self) -> None:
        """Put new users in the places of all, and close the old ones at the same time."""
        old, self.current[:] = [*self.current], [make() for make in self._makers]
        await asyncio.gather(*map(self._close, old))

    async def _close(self, user: ClosableUser) -> None:
        await user.close(self._diary, self._chance)
        self._open.remove(user)

    async def _close_auth_sessions(self) -> None:
        await self.current[0].close_auth_sessions()
        self._diary.logins["sessions of token requests closed"] += 1

    async def _lose_claims(self) -> None:
        self._end_claims()

    def _end_claims(self) -> None:
        for lease in self._store.leases:
            self._store.end(lease)

    async def _log_out_someone(self) -> None:
        await self._log_out(self._chance.choice(self.current[1:]))

    async def _log_out(self, user: ClosableUser) -> None:
        for name, client in user.senders.items():
            if not isinstance(client, Client) or name in REPLACED:
                continue
            begun, outcome = now(), "ok"
            try:
                with user.logging_out():
                    await client.logout()
            except TokenError as error:
                outcome = type(error).__name__
            self._diary.note(Request(f"{name}: {LOGOUT}", outcome, begun, now()))


def _kinds_of(name: str) -> list[str]:
    return [*EXCHANGES] if name in REPLACED else ["GET"]
