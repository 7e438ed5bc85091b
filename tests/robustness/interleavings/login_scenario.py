"""Scenarios of logins with refresh tokens.

The server may rotate refresh tokens, and ends a login when a used one is sent again. Managers may
share a cache, as processes do, and have derived managers. The checks are made where requests reach
the server and where tokens are returned to callers.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from math import inf
from typing import Any, Protocol

from aioalf import (
    AccessDeniedError,
    CacheError,
    LoginTimeoutError,
    RevocationError,
    ScopeNotGrantedError,
    Token,
    TokenError,
    TokenManager,
)
from aioalf.caches import Claim, MemoryCache, TokenCache
from aioalf.grants import AuthorizationServer, Grant, RefreshToken
from tests.robustness.interleavings.login_server import (
    CODE_PREFIX,
    REVOCATION_URL,
    FakeHTTP,
    LoginServer,
)
from tests.robustness.interleavings.oracle import Oracle
from tests.robustness.interleavings.scenario import Scenario
from tests.robustness.interleavings.world import SECRET_MARK, World

_ENDPOINT = "https://as.example.com/token"
_SECRET = f"{SECRET_MARK}-secret"
_SCOPE = frozenset({"a", "b"})
_STORING = 2.0  # seconds: slow storing in the cache, after the token has arrived
_ROUNDING = 1e-6  # seconds: cache entries have microseconds
_WAIT = 400.0  # seconds: behind several other sign-ins, each with slow storing


class FakeSignIn:
    """A user who signs in, denies access, or takes too long."""

    name = "authorization_code"
    can_begin = True
    is_interactive = True
    keeps_refresh_token = True
    reserved_params = frozenset[str]()
    subject_key = ""

    def __init__(self, server: LoginServer, owner: object) -> None:
        self._server = server
        self._owner = owner

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Ask the user to sign in."""
        world = self._server.world
        world.note("sign-in")
        world.must(
            "no sign-in while the user is signed in",
            holds=self._server.is_cache_unreliable
            or not any(
                login.can_go_on and login.owner is self._owner for login in self._server.logins
            ),
        )
        await world.pass_time()
        if world.likely(0.1):
            raise AccessDeniedError("no")
        if world.likely(0.1):
            raise LoginTimeoutError("nobody came")
        login = self._server.begin(self._owner)
        login.signer = self
        code = f"{CODE_PREFIX}{self._server.logins.index(login)}"
        return await server.request({"grant_type": self.name, "code": code})


class SharedCache(TokenCache, Protocol):
    """The cache of a scenario."""

    @property
    def key(self) -> str:
        """The key of the last login."""
        raise NotImplementedError


class SlowCache:
    """A cache with random delays, shared by managers; calls `on_change` after each change."""

    def __init__(self, world: World, on_change: Callable[[Mapping[str, Any] | None], None]) -> None:
        self._world = world
        self._on_change = on_change
        self._inner = MemoryCache()
        self.key = ""
        """The key of the last login."""

    async def get(self, key: str) -> str | None:
        """Implement `TokenCache`, like all that follows."""
        await self.take_time()
        return await self._inner.get(key)

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a note."""
        await self.take_time()
        await self._inner.set(key, value, ttl)

    async def delete(self, key: str) -> None:
        """Delete a login."""
        await self.take_time()
        await self.remove(key)
        await self.take_time()

    async def claim(self, key: str) -> Claim | None:
        """Claim a login."""
        self.key = key
        await self.take_time()
        claim = await self._inner.claim(key)
        return None if claim is None else SlowClaim(self, claim, key)

    async def wait(self, key: str, timeout: float) -> None:
        """Wait for the claim."""
        await self._inner.wait(key, timeout)

    async def holder(self, key: str) -> str | None:
        """Describe who has the claim."""
        return await self._inner.holder(key)

    async def replace(self, key: str, value: str, ttl: float | None) -> None:
        """Store a login."""
        await self.take_time()
        self._world.note("stored", value)
        await self._inner.set(key, value, ttl)
        await self.take_time()
        self._on_change(json.loads(value))

    async def remove(self, key: str) -> None:
        """Delete a login at once."""
        self._world.note("deleted")
        await self._inner.delete(key)
        self._on_change(None)

    async def take_time(self) -> None:
        """Wait for a random time."""
        await asyncio.sleep(self._world.choices.choice([0.0, 0.0, 0.25, 0.5]))


class SlowClaim:
    """A claim of `SlowCache`."""

    def __init__(self, cache: SlowCache, inner: Claim, key: str) -> None:
        self._cache = cache
        self._inner = inner
        self._key = key

    @property
    def is_held(self) -> bool:
        """Whether the claim was not given back."""
        return self._inner.is_held

    async def replace(self, value: str, ttl: float | None) -> bool:
        """Store the login."""
        await self._cache.replace(self._key, value, ttl)
        return True

    async def remove(self) -> bool:
        """Delete the login."""
        await self._cache.delete(self._key)
        return True

    async def release(self) -> None:
        """Give the claim back."""
        await self._cache.take_time()
        await self._inner.release()


class LoginScenario(Scenario):
    """One or two managers, with separate logins or a shared cache, and derived managers."""

    longest_wait = _WAIT
    longest_storing = _STORING

    def _make_managers(self) -> tuple[Oracle, Sequence[Any]]:
        world = self.world
        self.logins = server = LoginServer(world)
        has_own_session, is_cached = self._draw_storage()
        self.cache = self._make_cache() if is_cached else None
        count = self.choices.choice([1, 1, 2])
        self.leaving = self.interrupted = 0
        self.owners: dict[object, object] = {}
        self.logouts: dict[object, list[tuple[int, bool]]] = {}
        self.arguments: dict[str, Any] = {
            "scope": ["b", "a"],
            "endpoints": {"revocation_endpoint": REVOCATION_URL},
            "http_options": {"headers": {"X-Tenant": "one"}},
            "extra_params": {"tenant": "one"},
            "require_scope": True,
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

    def _draw_storage(self) -> tuple[bool, bool]:
        """Return whether the user gives a refresh token, and whether there is a cache."""
        has_own_session = self.world.likely(0.2)
        return has_own_session, not has_own_session and self.world.likely(0.6)

    def _make_cache(self) -> SharedCache:
        return SlowCache(self.world, self.logins.deliver)

    def _open_cache(self) -> SharedCache | None:
        """Return the cache as the next manager sees it."""
        return self.cache

    def _make_grant(self, owner: object, *, has_own_session: bool) -> Grant:
        if not has_own_session:
            return FakeSignIn(self.logins, owner)
        given = self.logins.issue_refresh(self.logins.begin(owner))
        given.is_known = True
        return RefreshToken(given.name)

    def _make_root(self, server: LoginServer, *, has_own_session: bool) -> TokenManager:
        owner: object = self.cache or object()
        manager = TokenManager(
            _ENDPOINT,
            "id",
            _SECRET,
            grant=self._make_grant(owner, has_own_session=has_own_session),
            cache=self._open_cache(),
            renewal=self.renewal,
            **self.arguments,
        )
        endpoint: Any = manager._endpoint  # noqa: SLF001 - replaced by the fake server
        endpoint._http = FakeHTTP(server)  # noqa: SLF001 - as above
        endpoint._requests._http = endpoint._http  # noqa: SLF001 - as above
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
            world.must("no caller waits too long", holds=world.loop.time() - at < self.longest_wait)
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
        world.must("no caller waits too long", holds=world.loop.time() - at < self.longest_wait)
        _, expiry, sent, is_for = self.logins.access[token]
        world.must("a token has the requested scope and resource (R073)", holds=is_for == what)
        world.must(
            "a returned token is valid, or has just arrived (R025)",
            holds=world.loop.time() < expiry + _ROUNDING
            or self.logins.arrived[token] >= at - self.longest_storing,
        )
        forgotten = max(
            (
                begun
                for begun, is_done in self.logouts[root]
                if begun < started
                and (is_done or len(self.roots) == 1)
                and self._is_logged_out(root, what, begun)
            ),
            default=0,
        )
        # Another manager with the same cache may finish a sign-in after the logout.
        is_of_another = len(self.roots) > 1 and self.cache is not None
        is_stored_later = is_of_another and self.logins.arrived[token] >= world.time_of(forgotten)
        world.must(
            "after a logout no older token is returned (R083)",
            holds=sent > forgotten or is_stored_later,
        )
        return token

    def _is_logged_out(self, root: TokenManager, what: str, begun: int) -> bool:
        """Return whether the logout that began then ends the login of the manager for `what`."""
        return True  # all managers of a root share its login

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
        grant = root._grant  # noqa: SLF001 - to know who asked the user
        logins = [login for login in self.logins.logins if login.owner is owner]
        left = [login for login in logins if login.is_known_to(grant)]
        can_go_on = [login for login in left if login.can_go_on]
        for login in left:
            login.is_logging_out = True
        self.leaving += 1
        is_done, interrupted = False, self.interrupted
        try:
            await manager.logout()
            is_done = True
        except (CacheError, RevocationError) as error:
            self.world.errors.append(error)
            raise
        finally:
            self.logouts[root].append((begun, is_done))
            self.leaving -= 1
            self.interrupted += not is_done
            about = self.roots.index(root)
            self.world.note("logout done" if is_done else "logout interrupted", about)
        self.world.must(
            "a logout revokes the login (R160)",
            holds=all(login.is_over for login in can_go_on)
            or self.leaving > 0
            or self.interrupted > interrupted  # another logout took the tokens and was cancelled
            or self.logins.is_cache_unreliable,
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
                or self.logins.is_cache_unreliable
                or any(not is_done for each in self.logouts.values() for _, is_done in each),
            )
        if self.cache is not None:
            is_empty = await self.cache.get(self.cache.key) is None
            self.world.must("the cache is empty after all have logged out", holds=is_empty)
