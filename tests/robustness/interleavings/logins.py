"""Scenarios of logins that live on by refresh tokens, drawn from a seed.

An authorization server that rotates its refresh tokens, or does not, and ends a login whose spent
one comes again; processes that share a cache, or do not; derived managers. The server and the
visitors see what is sent and what is handed out, and nothing of how the client does it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import Any

from yarl import URL

from aioalf import (
    AccessDeniedError,
    LoginTimeoutError,
    RevocationError,
    ScopeNotGrantedError,
    Token,
    TokenConnectionError,
    TokenError,
    TokenManager,
)
from aioalf._auth_server.response import ServerResponse
from aioalf.caches._key_locks import KeyLocks
from aioalf.grants import AuthorizationServer, Grant, RefreshToken
from tests.robustness.interleavings import KINDS, Scenario
from tests.robustness.interleavings.client import ClientScenario
from tests.robustness.interleavings.oracle import MARK, Watch, World

_ENDPOINT = "https://as.example.com/token"
_REVOCATION = "https://as.example.com/revoke"
_SECRET = f"{MARK}-secret"
_CODE = f"{MARK}-code-"
_SCOPE = frozenset({"a", "b"})
_WAIT = 400.0  # seconds: behind several others, each with a login and its storing


@dataclass(eq=False)
class Refresh:
    """A refresh token: who has it, and what became of it."""

    name: str
    login: "Login"
    is_spent: bool = False
    is_known: bool = False
    """Whether the client got it."""
    is_lost: bool = False
    """Whether the answer with the next one did not arrive."""
    is_sent: bool = False
    """Whether it is on its way."""


@dataclass(eq=False)
class Login:
    """What one person granted, or was granted elsewhere."""

    owner: object
    begun: int
    is_over: bool = False
    is_left: bool = False
    """Whether somebody began to log out of it."""
    refresh: list[Refresh] = field(default_factory=list[Refresh])

    @property
    def counts(self) -> bool:
        """Whether the client has had what it needs to refresh, and it counts."""
        newest = self.refresh[-1] if self.refresh else None
        return newest is not None and newest.is_known and not newest.is_lost and not self.is_over

    @property
    def can_go_on(self) -> bool:
        """Whether it counts, and nobody has begun to log out of it."""
        return self.counts and not self.is_left


class LoginServer:
    """Plays the exchange of a `TokenEndpoint`; requests arrive, are answered, and lost."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.failing = world.script.choice([0.0, 0.0, 0.2, 0.4])
        self.losing = world.script.choice([0.0, 0.0, 0.2])
        self.narrowing = world.aside.choice([0.0, 0.0, 0.2])
        self.lifetimes: Sequence[int | None] = world.script.sample((0, 1, 2, 6, 30, None), 2)
        self.is_rotating = world.likely(0.8)
        self.refresh: dict[str, Refresh] = {}
        self.logins: list[Login] = []
        self.access: dict[str, tuple[Login, float, int, str]] = {}
        self.landed: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.stored: set[str] = set()
        self.narrowed: set[str] = set()
        """Those that are for less than was asked for."""

    def begin(self, owner: object) -> Login:
        """Somebody says yes."""
        login = Login(owner, self.world.note("a login is granted"))
        self.logins.append(login)
        return login

    def accepts(self, token: str) -> bool:
        """Tell whether the API lets somebody in."""
        login, expiry, _, _ = self.access[token]
        return token not in self.revoked and not login.is_over and self.world.loop.time() < expiry

    def deliver(self, record: Mapping[str, Any] | None) -> None:
        """What came has been stored: who waits gets it now; or all was deleted."""
        if record is None:
            for login in self.logins:
                login.is_left = True
            return
        for token in (record, *record["derived"].values()):
            name = token["access_token"]
            if name not in self.stored:
                self.stored.add(name)
                self.landed[name] = self.world.loop.time()
                self.world.note("delivered", name)

    def issue_refresh(self, login: Login) -> Refresh:
        """The next of a login."""
        issued = Refresh(f"{MARK}-refresh-{len(self.refresh)}", login)
        self.refresh[issued.name] = issued
        login.refresh.append(issued)
        return issued

    async def post(
        self,
        endpoint: str,
        url: URL,
        form: Mapping[str, Any],
        headers: object,
        *,
        ssl: object = None,
        secrets: frozenset[str] = frozenset(),
    ) -> ServerResponse:
        """Answer a request as `AuthServerHTTP.post` does."""
        if str(url) == _REVOCATION:
            return await self._revoke(form["token"])
        world = self.world
        sent = world.note("request", form.get("refresh_token") or form.get("code"))
        used = self.refresh.get(form.get("refresh_token", ""))
        if used is not None:
            world.must("a refresh token is sent by one at a time (R043)", holds=not used.is_sent)
            world.must(
                "a refresh token that was used is sent again only when its answer was lost (R040)",
                holds=not used.is_spent or used.is_lost,
            )
            used.is_sent = True
        try:
            response = await self._answer(form, used, sent)
            response.secrets = secrets
            return response
        except asyncio.CancelledError:
            world.must("a refresh that has left is not cut off (R044)", holds=used is None)
            raise
        finally:
            if used is not None:
                used.is_sent = False

    async def _answer(
        self, form: Mapping[str, Any], used: Refresh | None, sent: int
    ) -> ServerResponse:
        world = self.world
        await world.pass_time()
        if world.likely(self.failing):
            if world.likely(0.5):
                raise TokenConnectionError("reset")
            said = " ".join(map(str, form.values()))  # some servers say what they were sent
            return _answered(503, {"error": "temporarily_unavailable", "error_description": said})
        if used is not None and (used.is_spent or used.login.is_over):
            used.login.is_over = True
            world.note("refused", used.name)
            await world.pass_time()
            said = f"{used.name} counts no more"
            return _answered(400, {"error": "invalid_grant", "error_description": said})
        login = used.login if used is not None else self._login_of(form["code"])
        members = self._issue(login, form, sent)
        new = None
        if used is None or self.is_rotating:
            new = self.issue_refresh(login)
            members["refresh_token"] = new.name
        if used is not None and new is not None:
            used.is_spent = used.is_lost = True  # until the new one has arrived
        world.note("answer", members)
        return await self._deliver(members, used, new)

    async def _deliver(
        self, members: dict[str, Any], used: Refresh | None, new: Any
    ) -> ServerResponse:
        world = self.world
        await world.pass_time()
        if world.likely(self.losing):
            if world.likely(0.5):
                world.note("is lost")
                raise TokenConnectionError("reset")
            members.pop("access_token")
        if used is not None:
            used.is_lost = False
        name = members.get("access_token")
        if new is not None:
            is_usable = name is not None and name not in self.narrowed
            new.is_known = used is not None or is_usable
        if name is not None:
            self.landed[name] = world.loop.time()
            world.note("landed", name)
        return _answered(200, members)

    def _login_of(self, code: str) -> Login:
        return self.logins[int(code.removeprefix(_CODE))]

    def _issue(self, login: Login, form: Mapping[str, Any], sent: int) -> dict[str, Any]:
        lifetime = self.world.script.choice(self.lifetimes)
        scope = " ".join(sorted((form.get("scope") or "a b").split()))
        name = f"{MARK}-t{len(self.access)}"
        if scope == "a b" and self.world.aside.random() < self.narrowing:
            scope = "a"
            self.narrowed.add(name)
        what = f"{scope} {' '.join(form.get('resource', ()))}"
        life = inf if lifetime is None else lifetime
        self.access[name] = (login, self.world.loop.time() + life, sent, what)
        members: dict[str, Any] = {"access_token": name, "token_type": "Bearer", "scope": scope}
        if lifetime is not None:
            members["expires_in"] = lifetime
        return members

    async def _revoke(self, token: str) -> ServerResponse:
        self.world.note("revoke", token)
        await self.world.pass_time()
        if token in self.refresh:
            self.refresh[token].login.is_over = True
        self.revoked.add(token)
        return _answered(200, {})


def _answered(status: int, members: Mapping[str, Any]) -> ServerResponse:
    response: Any = SimpleNamespace(status=status, headers={"Content-Type": "application/json"})
    body = json.dumps(members).encode()
    return ServerResponse("token_endpoint", URL(_ENDPOINT), response, body)


class Person:
    """Somebody who logs in, says no, or takes too long."""

    name = "authorization_code"
    can_begin = True
    keeps_refresh_token = True
    reserved_params = frozenset[str]()
    subject_key = ""

    def __init__(self, server: LoginServer, owner: object) -> None:
        self._server = server
        self._owner = owner

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Ask."""
        world = self._server.world
        world.note("asks a person")
        world.must(
            "nobody is asked to log in who is logged in",
            holds=not any(
                login.can_go_on and login.owner is self._owner for login in self._server.logins
            ),
        )
        await world.pass_time()
        if world.likely(0.1):
            raise AccessDeniedError("no")
        if world.likely(0.1):
            raise LoginTimeoutError("nobody came")
        login = self._server.begin(self._owner)
        code = f"{_CODE}{self._server.logins.index(login)}"
        return await endpoint.request({"grant_type": self.name, "code": code})


class SlowCache:
    """One store for several processes, that takes its time, and tells of what it did."""

    def __init__(self, world: World, tell: Callable[[Mapping[str, Any] | None], None]) -> None:
        self._world = world
        self._tell = tell
        self._locks = KeyLocks()
        self.values: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        """As the contract says."""
        await self._take_time()
        return self.values.get(key)

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """As the contract says, without an end of time."""
        await self._take_time()
        self._world.note("stored", value)
        self.values[key] = value
        await self._take_time()
        self._tell(json.loads(value))

    async def delete(self, key: str) -> None:
        """As the contract says."""
        await self._take_time()
        self._world.note("deleted")
        self.values.pop(key, None)
        self._tell(None)
        await self._take_time()

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """As the contract says."""
        async with self._locks.hold(key):
            yield

    async def _take_time(self) -> None:
        await asyncio.sleep(self._world.script.choice([0.0, 0.0, 0.25, 0.5]))


class LoginScenario(Scenario):
    """Processes with a login each, or one in a cache; what they derive; who logs out and closes."""

    def _make_managers(self) -> tuple[Watch, Sequence[Any]]:
        world = self.world
        self.logins = server = LoginServer(world)
        is_given = world.likely(0.2)
        is_cached = not is_given and world.likely(0.6)
        self.cache = SlowCache(world, server.deliver) if is_cached else None
        count = self.script.choice([1, 1, 2])
        self.leaving = 0
        self.owners: dict[object, object] = {}
        self.log_outs: dict[object, list[tuple[int, bool]]] = {}
        self.arguments: dict[str, Any] = {
            "scope": ["b", "a"],
            "endpoints": {"revocation_endpoint": _REVOCATION},
            "http_options": {"headers": {"X-Tenant": "one"}},
            "extra_params": {"tenant": "one"},
        }
        roots = [self._make_root(server, is_given=is_given) for _ in range(count)]
        self.roots = roots
        self.faults = [self._revoke, self._end_login, self._reset, self._logout, self._close]
        if world.likely(0.3):
            self.faults = [self._logout, self._logout]
        self.wants: list[dict[str, Any]] = [
            {},
            {},
            {"resource": ["urn:two", "urn:one"]},
            {"scope": ["a"]},
            {"scope": ["c"]},
        ]
        self.wants = self.wants[: world.script.choice([1, 3, 4, 5])]
        self.given = deepcopy((self.arguments, self.wants))
        watch = Watch(world, self.renewal, lambda _: inf)
        return watch, roots

    def _make_root(self, server: LoginServer, *, is_given: bool) -> TokenManager:
        owner: object = self.cache or object()
        if is_given:
            login = server.begin(owner)
            given = server.issue_refresh(login)
            given.is_known = True
            grant: Grant = RefreshToken(given.name)
        else:
            grant = Person(server, owner)
        manager = TokenManager(
            _ENDPOINT,
            "id",
            _SECRET,
            grant=grant,
            cache=self.cache,
            renewal=self.renewal,
            **self.arguments,
        )
        endpoint: Any = manager._endpoint  # noqa: SLF001 - a fake network is let in there
        endpoint._http = _Exchange(server)  # noqa: SLF001 - as above
        self.log_outs[manager] = []
        self.owners[manager] = owner
        return manager

    def _pick(self) -> tuple[TokenManager, TokenManager, str]:
        root = self.script.choice(self.roots)
        want = self.script.choice(self.wants)
        manager = root.with_options(**want) if want else root
        scope, resource = want.get("scope", ["a", "b"]), want.get("resource", [])
        return root, manager, f"{' '.join(scope)} {' '.join(resource)}"

    async def _obtain(self, what: str, root: TokenManager, get: Any) -> str:
        world = self.world
        asked, at = world.note("asks"), world.loop.time()
        try:
            token: str = await get()
        except Exception as error:
            world.note("is turned away", repr(error))
            world.must("nobody waits for ever", holds=world.loop.time() - at < _WAIT)
            world.must(f"errors are typed: {error!r}", holds=isinstance(error, TokenError))
            if isinstance(error, ScopeNotGrantedError):
                world.must("only what was not granted is missing", holds=what.startswith("c"))
            world.errors.append(error)
            raise
        world.note("gets", token)
        world.keep_secret("a manager", repr(root))
        world.must("nobody waits for ever", holds=world.loop.time() - at < _WAIT)
        _, expiry, sent, is_for = self.logins.access[token]
        world.must("a token is for what was asked for (R073)", holds=is_for == what)
        world.must(
            "a token is valid when it is handed out, or has just come (R025)",
            holds=world.loop.time() < expiry or self.logins.landed[token] >= at,
        )
        forgotten = max(
            (
                begun
                for begun, is_done in self.log_outs[root]
                if begun < asked and (is_done or len(self.roots) == 1)
            ),
            default=0,
        )
        world.must("nothing comes back after a logout (R083)", holds=sent > forgotten)
        return token

    async def _ask(self) -> None:
        root, manager, what = self._pick()
        await self._obtain(what, root, manager.get_token)

    async def _renew(self) -> None:
        await self._call()

    async def _call(self) -> None:
        root, manager, what = self._pick()
        token = await self._obtain(what, root, manager.get_token)
        await self.world.pass_time()
        if self.logins.accepts(token):
            return
        may_renew = manager.can_renew(token)
        self.world.note("refused by the API", token)
        other = await self._obtain(what, root, lambda: manager.renew_token(token))
        self.world.must(
            "a token that was refused is not handed out again (R060)",
            holds=other != token or not may_renew,
        )
        await self.world.pass_time()
        if self.logins.accepts(other):
            manager.mark_accepted()

    async def _revoke(self) -> None:
        self.world.note("all access tokens are revoked")
        self.logins.revoked.update(self.logins.access)

    async def _end_login(self) -> None:
        self.world.note("the logins are ended by the server")
        for login in self.logins.logins:
            login.is_over = True

    async def _reset(self) -> None:
        _, manager, _ = self._pick()
        self.world.note("reset")
        await manager.reset_token()

    async def _logout(self) -> None:
        root, manager, _ = self._pick()
        await self._log_out(root, manager)

    async def _log_out(self, root: TokenManager, manager: TokenManager) -> None:
        begun = self.world.note("logout", self.roots.index(root))
        owner = self.owners[root]
        left = [login for login in self.logins.logins if login.owner is owner]
        can_go_on = [login for login in left if login.can_go_on]
        for login in left:
            login.is_left = True
        self.leaving += 1
        is_done = False
        try:
            await manager.logout()
            is_done = True
        except RevocationError as error:
            self.world.errors.append(error)
            raise
        finally:
            self.log_outs[root].append((begun, is_done))
            self.leaving -= 1
            about = self.roots.index(root)
            self.world.note("logout is done" if is_done else "logout is cut short", about)
        self.world.must(
            "a logout revokes the login (R160)",
            holds=all(login.is_over for login in can_go_on) or self.leaving > 0,
        )

    async def _close(self) -> None:
        _, manager, _ = self._pick()
        self.world.note("close")
        await manager.close()

    async def play(self) -> None:
        """As all, and then everybody logs out."""
        await super().play()
        self.world.note("the end")
        self.world.must(
            "what a caller hands in is not changed",
            holds=(self.arguments, self.wants) == self.given,
        )
        self.logins.failing = self.logins.losing = 0.0
        for root in self.roots:
            await root.logout()
            await root.close()
        for login in self.logins.logins:
            self.world.must(
                "nothing that the client has had counts when all have logged out",
                holds=not login.counts
                or any(not is_done for each in self.log_outs.values() for _, is_done in each),
            )
        if self.cache is not None:
            self.world.must(
                "the cache is empty when all have logged out", holds=not self.cache.values
            )


ALL_KINDS: dict[str, type[Scenario]] = {
    **KINDS,
    "login": LoginScenario,
    "client": ClientScenario,
}


class _Exchange:
    """The `AuthServerHTTP` of an endpoint."""

    def __init__(self, server: LoginServer) -> None:
        self.network: object = None
        self.post = server.post

    def checks_certificates(self, _: object) -> bool:
        """It does."""
        return True
