"""Scenarios of logins with refresh tokens.

The server may rotate refresh tokens, and ends a login when a used one is sent again. Managers may
share a cache, as processes do, and have derived managers. The checks are made where requests reach
the server and where tokens are returned to callers.
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
from aioalf.caches._key_locks import KeyLocks
from aioalf.grants import AuthorizationServer, Grant, RefreshToken
from tests.robustness.interleavings.oracle import SECRET_MARK, Oracle, World
from tests.robustness.interleavings.scenario import Scenario

_ENDPOINT = "https://as.example.com/token"
_REVOCATION = "https://as.example.com/revoke"
_SECRET = f"{SECRET_MARK}-secret"
_CODE = f"{SECRET_MARK}-code-"
_SCOPE = frozenset({"a", "b"})
_WAIT = 400.0  # seconds: behind several other sign-ins, each with slow storing


@dataclass(eq=False)
class Refresh:
    """A refresh token, and what happened to it."""

    name: str
    login: "Login"
    is_used: bool = False
    is_known: bool = False
    """Whether the client received it."""
    is_lost: bool = False
    """Whether the response with its successor was lost."""
    is_sent: bool = False
    """Whether a request with it is in flight."""


@dataclass(eq=False)
class Login:
    """What one sign-in granted."""

    owner: object
    begun: int
    is_over: bool = False
    is_logging_out: bool = False
    """Whether a logout has started."""
    refresh: list[Refresh] = field(default_factory=list[Refresh])

    @property
    def counts(self) -> bool:
        """Whether the client has a valid refresh token."""
        newest = self.refresh[-1] if self.refresh else None
        return newest is not None and newest.is_known and not newest.is_lost and not self.is_over

    @property
    def can_go_on(self) -> bool:
        """Whether the client has a valid refresh token and no logout has started."""
        return self.counts and not self.is_logging_out


class LoginServer:
    """Replaces the HTTP connection of a `TokenEndpoint`; may lose responses."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.failure_rate = world.choices.choice([0.0, 0.0, 0.2, 0.4])
        self.loss_rate = world.choices.choice([0.0, 0.0, 0.2])
        self.narrowing_rate = world.rare_choices.choice([0.0, 0.0, 0.2])
        self.lifetimes: Sequence[int | None] = world.choices.sample((0, 1, 2, 6, 30, None), 2)
        self.is_rotating = world.likely(0.8)
        self.refresh: dict[str, Refresh] = {}
        self.logins: list[Login] = []
        self.access: dict[str, tuple[Login, float, int, str]] = {}
        self.arrived: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.stored: set[str] = set()
        self.narrowed: set[str] = set()
        """Tokens with less scope than requested."""

    def begin(self, owner: object) -> Login:
        """The user signs in."""
        login = Login(owner, self.world.note("login granted"))
        self.logins.append(login)
        return login

    def accepts(self, token: str) -> bool:
        """Whether the API accepts a token now."""
        login, expiry, _, _ = self.access[token]
        return token not in self.revoked and not login.is_over and self.world.loop.time() < expiry

    def deliver(self, record: Mapping[str, Any] | None) -> None:
        """The cache entry was written, so waiting callers get the token now; or it was deleted."""
        if record is None:
            for login in self.logins:
                login.is_logging_out = True
            return
        for token in (record, *record["derived"].values()):
            name = token["access_token"]
            if name not in self.stored:
                self.stored.add(name)
                self.arrived[name] = self.world.loop.time()
                self.world.note("delivered", name)

    def issue_refresh(self, login: Login) -> Refresh:
        """Issue the next refresh token of a login."""
        issued = Refresh(f"{SECRET_MARK}-refresh-{len(self.refresh)}", login)
        self.refresh[issued.name] = issued
        login.refresh.append(issued)
        return issued

    async def post(
        self, _: str, url: URL, form: Mapping[str, Any], fields: object, *, ssl: object = None
    ) -> Any:
        """Answer a request, like `AuthServerHTTP.post`."""
        if str(url) == _REVOCATION:
            return await self._revoke(form["token"])
        world = self.world
        sent = world.note("token request", form.get("refresh_token") or form.get("code"))
        used = self.refresh.get(form.get("refresh_token", ""))
        if used is not None:
            world.must("a refresh token is in one request at a time (R043)", holds=not used.is_sent)
            world.must(
                "a used refresh token is sent again only if the response was lost (R040)",
                holds=not used.is_used or used.is_lost,
            )
            used.is_sent = True
        try:
            return await self._answer(form, used, sent)
        except asyncio.CancelledError:
            world.must("a refresh in flight is not cancelled (R044)", holds=used is None)
            raise
        finally:
            if used is not None:
                used.is_sent = False

    async def _answer(self, form: Mapping[str, Any], used: Refresh | None, sent: int) -> Any:
        world = self.world
        await world.pass_time()
        if world.likely(self.failure_rate):
            if world.likely(0.5):
                raise TokenConnectionError("reset")
            said = " ".join(map(str, form.values()))  # some servers repeat the request in errors
            return _answered(503, {"error": "temporarily_unavailable", "error_description": said})
        if used is not None and (used.is_used or used.login.is_over):
            used.login.is_over = True
            world.note("rejected", used.name)
            await world.pass_time()
            said = f"{used.name} is not valid"
            return _answered(400, {"error": "invalid_grant", "error_description": said})
        login = used.login if used is not None else self._login_of(form["code"])
        members = self._issue(login, form, sent)
        new = None
        if used is None or self.is_rotating:
            new = self.issue_refresh(login)
            members["refresh_token"] = new.name
        if used is not None and new is not None:
            used.is_used = used.is_lost = True  # until the new one arrives
        world.note("token response", members)
        return await self._deliver(members, used, new)

    async def _deliver(self, members: dict[str, Any], used: Refresh | None, new: Any) -> Any:
        world = self.world
        await world.pass_time()
        if world.likely(self.loss_rate):
            if world.likely(0.5):
                world.note("response lost")
                raise TokenConnectionError("reset")
            members.pop("access_token")
        if used is not None:
            used.is_lost = False
        name = members.get("access_token")
        if new is not None:
            is_usable = name is not None and name not in self.narrowed
            new.is_known = used is not None or is_usable
        if name is not None:
            self.arrived[name] = world.loop.time()
            world.note("arrived", name)
        return _answered(200, members)

    def _login_of(self, code: str) -> Login:
        return self.logins[int(code.removeprefix(_CODE))]

    def _issue(self, login: Login, form: Mapping[str, Any], sent: int) -> dict[str, Any]:
        lifetime = self.world.choices.choice(self.lifetimes)
        scope = " ".join(sorted((form.get("scope") or "a b").split()))
        name = f"{SECRET_MARK}-t{len(self.access)}"
        if scope == "a b" and self.world.rare_choices.random() < self.narrowing_rate:
            scope = "a"
            self.narrowed.add(name)
        what = f"{scope} {' '.join(form.get('resource', ()))}"
        life = inf if lifetime is None else lifetime
        self.access[name] = (login, self.world.loop.time() + life, sent, what)
        members: dict[str, Any] = {"access_token": name, "token_type": "Bearer", "scope": scope}
        if lifetime is not None:
            members["expires_in"] = lifetime
        return members

    async def _revoke(self, token: str) -> Any:
        self.world.note("revocation request", token)
        await self.world.pass_time()
        if token in self.refresh:
            self.refresh[token].login.is_over = True
        self.revoked.add(token)
        return _answered(200, {})


def _answered(status: int, members: Mapping[str, Any]) -> Any:
    return SimpleNamespace(
        status=status,
        content_type="application/json",
        body=json.dumps(members).encode(),
        response=SimpleNamespace(headers={}),
    )


class FakeSignIn:
    """A user who signs in, denies access, or takes too long."""

    name = "authorization_code"
    can_begin = True
    keeps_refresh_token = True

    def __init__(self, server: LoginServer, owner: object) -> None:
        self._server = server
        self._owner = owner

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Ask the user to sign in."""
        world = self._server.world
        world.note("sign-in")
        world.must(
            "no sign-in while the user is signed in",
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
    """A cache with random delays, shared by managers; calls `on_change` after each change."""

    def __init__(self, world: World, on_change: Callable[[Mapping[str, Any] | None], None]) -> None:
        self._world = world
        self._on_change = on_change
        self._locks = KeyLocks()
        self.values: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        """Implement `TokenCache`."""
        await self._take_time()
        return self.values.get(key)

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Implement `TokenCache`; `ttl` is ignored."""
        await self._take_time()
        self._world.note("stored", value)
        self.values[key] = value
        await self._take_time()
        self._on_change(json.loads(value))

    async def delete(self, key: str) -> None:
        """Implement `TokenCache`."""
        await self._take_time()
        self._world.note("deleted")
        self.values.pop(key, None)
        self._on_change(None)
        await self._take_time()

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Implement `TokenCache`."""
        async with self._locks.hold(key):
            yield

    async def _take_time(self) -> None:
        await asyncio.sleep(self._world.choices.choice([0.0, 0.0, 0.25, 0.5]))


class LoginScenario(Scenario):
    """One or two managers, with separate logins or a shared cache, and derived managers."""

    def _make_managers(self) -> tuple[Oracle, Sequence[Any]]:
        world = self.world
        self.logins = server = LoginServer(world)
        has_own_session = world.likely(0.2)
        is_cached = not has_own_session and world.likely(0.6)
        self.cache = SlowCache(world, server.deliver) if is_cached else None
        count = self.choices.choice([1, 1, 2])
        self.leaving = 0
        self.owners: dict[object, object] = {}
        self.logouts: dict[object, list[tuple[int, bool]]] = {}
        self.arguments: dict[str, Any] = {
            "scope": ["b", "a"],
            "endpoints": {"revocation_endpoint": _REVOCATION},
            "http_options": {"headers": {"X-Tenant": "one"}},
            "extra_params": {"tenant": "one"},
        }
        roots = [self._make_root(server, has_own_session=has_own_session) for _ in range(count)]
        self.roots = roots
        self.faults = [self._revoke, self._end_login, self._reset, self._logout, self._close]
        if world.likely(0.3):
            self.faults = [self._logout, self._logout]
        self.requested: list[dict[str, Any]] = [
            {},
            {},
            {"resource": ["urn:two", "urn:one"]},
            {"scope": ["a"]},
            {"scope": ["c"]},
        ]
        self.requested = self.requested[: world.choices.choice([1, 3, 4, 5])]
        self.given = deepcopy((self.arguments, self.requested))
        oracle = Oracle(world, self.renewal, lambda _: inf)
        return oracle, roots

    def _make_root(self, server: LoginServer, *, has_own_session: bool) -> TokenManager:
        owner: object = self.cache or object()
        if has_own_session:
            login = server.begin(owner)
            given = server.issue_refresh(login)
            given.is_known = True
            grant: Grant = RefreshToken(given.name)
        else:
            grant = FakeSignIn(server, owner)
        manager = TokenManager(
            _ENDPOINT,
            "id",
            _SECRET,
            grant=grant,
            cache=self.cache,
            renewal=self.renewal,
            **self.arguments,
        )
        endpoint: Any = manager._endpoint  # noqa: SLF001 - replaced by the fake server
        endpoint._exchange = _Exchange(server)  # noqa: SLF001 - as above
        self.logouts[manager] = []
        self.owners[manager] = owner
        return manager

    def _pick(self) -> tuple[TokenManager, TokenManager, str]:
        root = self.choices.choice(self.roots)
        want = self.choices.choice(self.requested)
        manager = root.with_options(**want) if want else root
        scope, resource = want.get("scope", ["a", "b"]), want.get("resource", [])
        return root, manager, f"{' '.join(scope)} {' '.join(resource)}"

    async def _obtain(self, what: str, root: TokenManager, get: Any) -> str:
        world = self.world
        started, at = world.note("call"), world.loop.time()
        try:
            token: str = await get()
        except Exception as error:
            world.note("raised", repr(error))
            world.must("no caller waits too long", holds=world.loop.time() - at < _WAIT)
            world.must(f"errors are TokenErrors: {error!r}", holds=isinstance(error, TokenError))
            if isinstance(error, ScopeNotGrantedError):
                world.must(
                    "ScopeNotGrantedError is raised only for scope that was not granted",
                    holds=what.startswith("c"),
                )
            world.errors.append(error)
            raise
        world.note("returned", token)
        world.keep_secret("a manager", repr(root))
        world.must("no caller waits too long", holds=world.loop.time() - at < _WAIT)
        _, expiry, sent, is_for = self.logins.access[token]
        world.must("a token has the requested scope and resource (R073)", holds=is_for == what)
        world.must(
            "a returned token is valid, or has just arrived (R025)",
            holds=world.loop.time() < expiry or self.logins.arrived[token] >= at,
        )
        forgotten = max(
            (
                begun
                for begun, is_done in self.logouts[root]
                if begun < started and (is_done or len(self.roots) == 1)
            ),
            default=0,
        )
        world.must("after a logout no older token is returned (R083)", holds=sent > forgotten)
        return token

    async def _get_token(self) -> None:
        root, manager, what = self._pick()
        await self._obtain(what, root, manager.get_token)

    async def _renew_token(self) -> None:
        await self._send_request()

    async def _send_request(self) -> None:
        root, manager, what = self._pick()
        token = await self._obtain(what, root, manager.get_token)
        await self.world.pass_time()
        if self.logins.accepts(token):
            return
        may_renew = manager.can_renew(token)
        self.world.note("rejected", token)
        other = await self._obtain(what, root, lambda: manager.renew_token(token))
        self.world.must(
            "a rejected token is not returned again (R060)",
            holds=other != token or not may_renew,
        )
        await self.world.pass_time()
        if self.logins.accepts(other):
            manager.mark_accepted()

    async def _revoke(self) -> None:
        self.world.note("all tokens revoked")
        self.logins.revoked.update(self.logins.access)

    async def _end_login(self) -> None:
        self.world.note("server ends all logins")
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
            login.is_logging_out = True
        self.leaving += 1
        is_done = False
        try:
            await manager.logout()
            is_done = True
        except RevocationError as error:
            self.world.errors.append(error)
            raise
        finally:
            self.logouts[root].append((begun, is_done))
            self.leaving -= 1
            about = self.roots.index(root)
            self.world.note("logout done" if is_done else "logout interrupted", about)
        self.world.must(
            "a logout revokes the login (R160)",
            holds=all(login.is_over for login in can_go_on) or self.leaving > 0,
        )

    async def _close(self) -> None:
        _, manager, _ = self._pick()
        self.world.note("close")
        await manager.close()

    async def play(self) -> None:
        """Play the scenario, then log out of everything."""
        await super().play()
        self.world.note("end")
        self.world.must(
            "arguments of the caller are not modified",
            holds=(self.arguments, self.requested) == self.given,
        )
        self.logins.failure_rate = self.logins.loss_rate = 0.0
        for root in self.roots:
            await root.logout()
            await root.close()
        for login in self.logins.logins:
            self.world.must(
                "no login of the client is valid after all have logged out",
                holds=not login.counts
                or any(not is_done for each in self.logouts.values() for _, is_done in each),
            )
        if self.cache is not None:
            self.world.must(
                "the cache is empty after all have logged out", holds=not self.cache.values
            )


class _Exchange:
    """Replaces `AuthServerHTTP` of a `TokenEndpoint`."""

    def __init__(self, server: LoginServer) -> None:
        self.network: object = None
        self.post = server.post

    def checks_certificates(self, _: object) -> bool:
        """Return True."""
        return True
