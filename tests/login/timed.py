"""Clients, users and a server that need virtual time. Each client represents a process."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from yarl import URL

from aioalf._auth_server.request_params import AmendResponse, Form
from aioalf._login.login import Login
from aioalf.caches import MemoryCache
from aioalf.errors import TokenError
from aioalf.grants import AuthorizationServer
from aioalf.testing import UnreliableCache
from aioalf.token import Token
from tests.login.scripted import KEY, ScriptedServer

Play = Callable[[Coroutine[Any, Any, None]], None]


class Server(ScriptedServer):
    """Answers after `delay` seconds; counts requests, and whether a client held the claim."""

    def __init__(self, cache: UnreliableCache) -> None:
        super().__init__()
        self.delay = 0.5
        self.times: list[float] = []
        self.unclaimed = 0
        self._cache = cache

    async def request(
        self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        """Return the next token."""
        self.times.append(now())
        self.reached.set()
        self.unclaimed += not self._cache.is_claimed
        await asyncio.sleep(self.delay)
        return await super().request(form)


class SlowUrlServer(Server):
    """Returns the URL of an endpoint after `url_delay` seconds."""

    url_delay = 0.0

    async def url_of(self, name: str) -> URL:
        """Return the URL of an endpoint."""
        await asyncio.sleep(self.url_delay)
        return await super().url_of(name)


class PersonGrant:
    """A user who needs `seconds` to sign in, or raises `refusal`."""

    name = "person"
    can_begin = True
    is_interactive = True
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = ""

    def __init__(self, seconds: float = 40.0) -> None:
        self.seconds = seconds
        self.refusal: TokenError | None = None
        self.asked = 0
        self.reached = asyncio.Event()

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Ask, and exchange a code."""
        self.asked += 1
        self.reached.set()
        await asyncio.sleep(self.seconds)
        if self.refusal is not None:
            raise self.refusal
        return await server.request({"grant_type": "authorization_code", "code": "c"})


def now() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()


async def signed_in(cache: UnreliableCache, server: Server) -> Login:
    """Return a login whose refresh token is "refresh-1" and whose token has expired."""
    server.lifetime = 0
    login = Login(PersonGrant(seconds=0), cache=cache, key=KEY)
    await login.token(server, None)
    server.lifetime = 3600
    server.reached.clear()
    return login


async def signed_in_client() -> tuple[UnreliableCache, Server, Login]:
    """Return a new cache, its server, and the login of `signed_in` at both."""
    cache = UnreliableCache()
    server = Server(cache)
    return cache, server, await signed_in(cache, server)


class HastyCache(MemoryCache):
    """Returns from `wait` at once, which the contract allows, and never suspends its caller."""

    async def wait(self, key: str, timeout: float) -> None:
        """Return."""
