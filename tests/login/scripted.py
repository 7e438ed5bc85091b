"""Grants, a server and a cache that do what a test of a login tells them, without a network."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from yarl import URL

from aioalf._auth_server.authorization_rules import AuthorizationRules
from aioalf._auth_server.request_params import AmendResponse, Form, TokenRequestParams
from aioalf._login.cache_entry_format import StoredLogin, read_stored_login
from aioalf._syntax import scope_set
from aioalf.caches import Claim, MemoryCache, TokenCache
from aioalf.errors import CacheError, TokenHTTPError, TokenResponseError
from aioalf.grants import AuthorizationServer
from aioalf.token import Token

ISSUER = "https://auth.example.com"
KEY = "alf1-key"
INVALID_GRANT = TokenHTTPError("no", 400, error="invalid_grant")


class SignInGrant:
    """A grant whose sign-ins return the refresh tokens "login-1", "login-2" and so on."""

    name = "authorization_code"
    can_begin = True
    is_interactive = False
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = ""

    def __init__(self, scope: frozenset[str] | None = None) -> None:
        self.logins = 0
        self._scope = scope

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return the token of a new sign-in."""
        self.logins += 1
        name = f"login-{self.logins}"
        return Token(f"access-of-{name}", 3600, refresh_token=name, scope=self._scope)


class ServiceGrant:
    """A grant without refresh tokens, like client credentials."""

    name = "client_credentials"
    can_begin = True
    is_interactive = False
    keeps_refresh_token = False
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = ""

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Send a request that can be repeated."""
        return await server.request({"grant_type": self.name}, is_repeatable=True)


class GivenTokenGrant:
    """A grant with the refresh token "given" that cannot start a new sign-in."""

    name = "refresh_token"
    can_begin = False
    is_interactive = False
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = None

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Send the refresh token."""
        return await server.request({"grant_type": "refresh_token", "refresh_token": "given"})


class ScriptedServer:
    """A token endpoint that returns the refresh tokens "refresh-1", "refresh-2" and so on.

    It responds when `gate` is set, and raises `error` if there is one.
    """

    def __init__(
        self, issuer: str | None = ISSUER, request_params: TokenRequestParams | None = None
    ) -> None:
        self.client_id: str | None = "client-id"
        self.issuer = issuer
        self.is_public_client = True
        self.authorization_rules = AuthorizationRules()
        self.request_params = request_params or TokenRequestParams()
        self.forms: list[Form] = []
        self.error: Exception | None = None
        self.lifetime: float | None = 3600
        self.rotates = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    @property
    def sent(self) -> list[object]:
        """The refresh tokens of all requests, in order."""
        return [form.get("refresh_token") for form in self.forms]

    def is_insecure(self, url: URL) -> bool:
        """Tell whether a request to this URL is insecure: never."""
        return not url.host

    async def url_of(self, name: str) -> URL:
        """Return the URL of an endpoint."""
        return URL(f"https://auth.example.com/{name}")

    async def metadata(self) -> Mapping[str, object]:
        """Return empty metadata."""
        return {}

    async def request(
        self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        """Return the next token."""
        assert not is_repeatable
        assert amend is None
        self.forms.append(form)
        number = len(self.forms)
        self.reached.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        refresh_token = f"refresh-{number}" if self.rotates else None
        scope = scope_set(str(form.get("scope", "")))
        return Token(f"access-{number}", self.lifetime, refresh_token=refresh_token, scope=scope)

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """Refuse: a login sends token requests only."""
        raise NotImplementedError


def unusable_response(refresh_token: str) -> TokenResponseError:
    """Return the error for a response with a refresh token, but without a usable access token."""
    error = TokenResponseError("less scope than requested", 200)
    error.hold_replacement(refresh_token)
    return error


class FailingCache:
    """A `MemoryCache` whose methods in `failing` raise `error`."""

    def __init__(self) -> None:
        self.inner = MemoryCache()
        self.failing: set[str] = set()
        self.error: Exception = CacheError("the disk is full")

    async def get(self, key: str) -> str | None:
        """Read an entry."""
        self.fail_if_told("get")
        return await self.inner.get(key)

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Write an entry."""
        self.fail_if_told("set")
        await self.inner.set(key, value, ttl)

    async def delete(self, key: str) -> None:
        """Delete an entry."""
        self.fail_if_told("delete")
        await self.inner.delete(key)

    async def claim(self, key: str) -> Claim | None:
        """Claim an entry."""
        self.fail_if_told("claim")
        claim = await self.inner.claim(key)
        return None if claim is None else FailingClaim(self, claim)

    async def wait(self, key: str, timeout: float) -> None:
        """Wait for the claim."""
        await self.inner.wait(key, timeout)

    async def holder(self, key: str) -> str | None:
        """Describe who has the claim."""
        return await self.inner.holder(key)

    def fail_if_told(self, method: str) -> None:
        """Raise the error if the method is in `failing`."""
        if method in self.failing:
            raise self.error


class FailingClaim:
    """A claim of `FailingCache`."""

    def __init__(self, cache: FailingCache, inner: Claim) -> None:
        self._cache = cache
        self._inner = inner

    @property
    def is_held(self) -> bool:
        """Whether the claim was not lost."""
        return self._inner.is_held

    async def replace(self, value: str, ttl: float | None) -> bool:
        """Write the entry."""
        self._cache.fail_if_told("replace")
        return await self._inner.replace(value, ttl)

    async def remove(self) -> bool:
        """Delete the entry."""
        self._cache.fail_if_told("remove")
        return await self._inner.remove()

    async def release(self) -> None:
        """Give the claim back."""
        await self._inner.release()


async def stored_in(cache: TokenCache, key: str = KEY) -> StoredLogin | None:
    """Return the stored login of a cache."""
    text = await cache.get(key) or ""
    return read_stored_login(text, now=datetime.now(UTC), monotonic=time.monotonic())


async def run_ready_tasks() -> None:
    """Let all tasks run that are ready."""
    for _ in range(10):
        await asyncio.sleep(0)


async def wait_cancelled(*tasks: asyncio.Task[Token]) -> None:
    """Wait for tasks that have been cancelled."""
    for task in tasks:
        with pytest.raises(asyncio.CancelledError):
            await task
