"""Tests of the logout of a login: nothing is used afterwards, and all tokens are revoked."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._login.cache_entry_format import StoredLogin, write_stored_login
from aioalf._login.login import Login
from aioalf._login.logout import Logout, TokensToRevoke
from aioalf.caches import MemoryCache, TokenCache
from aioalf.errors import CacheError, LoginRequiredError, TokenError
from aioalf.grants import AuthorizationServer, Grant
from aioalf.token import Token
from tests.login.scripted import (
    ISSUER,
    KEY,
    FailingCache,
    FailingClaim,
    GivenTokenGrant,
    ScriptedServer,
    SignInGrant,
    run_ready_tasks,
    stored_in,
)


@pytest.mark.rule("R083")
async def test_entry_is_not_used_after_a_logout_has_started(
    server: ScriptedServer,
) -> None:
    """The next caller empties it, and all of its tokens are to be revoked."""
    cache, grant = MemoryCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    await Login(grant, cache=cache, key=KEY).token(server, None)
    to_revoke = login.start_logout()
    assert (await login.token(server, None)).access_token == "access-of-login-2"
    await login.finish_logout(server, to_revoke)
    assert to_revoke.with_hints() == [
        ("login-1", "refresh_token"),
        ("access-of-login-1", "access_token"),
    ]
    assert await stored_in(cache) is not None


@pytest.mark.rule("R043", "R083")
@pytest.mark.parametrize("removal", [{"return_value": False}, {"side_effect": OSError}], ids=str)
async def test_fetch_empties_an_entry_after_a_logout_only_under_its_claim(
    server: ScriptedServer, removal: dict[str, Any]
) -> None:
    """Otherwise it might delete a newer login of another client. It ignores what it read."""
    cache, grant = FailingCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    await login.token(server, None)
    to_revoke = login.start_logout()
    with (
        patch.object(FailingClaim, "remove", AsyncMock(**removal)),
        patch.object(cache, "delete", AsyncMock()) as delete,
    ):
        assert (await login.token(server, None)).access_token == "access-of-login-2"
    delete.assert_not_awaited()
    assert ("login-1", "refresh_token") in to_revoke.with_hints()


@pytest.mark.rule("R083")
async def test_logout_cancels_fetches_that_wait_for_the_lock(server: ScriptedServer) -> None:
    """They send no refresh token, and the tokens of the fetch in flight are to be revoked."""
    login = Login(SignInGrant())
    token = await login.token(server, None)
    server.gate.clear()
    tasks = [asyncio.create_task(login.token(server, token.access_token)) for _ in range(2)]
    await server.reached.wait()
    to_revoke = login.start_logout()
    server.gate.set()
    for task in tasks:
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await task
    assert server.sent == ["login-1"]
    assert to_revoke.with_hints() == [
        ("login-1", "refresh_token"),
        ("refresh-1", "refresh_token"),
        ("access-of-login-1", "access_token"),
        ("access-1", "access_token"),
    ]


@pytest.mark.rule("R083")
@pytest.mark.parametrize("grant", [SignInGrant(), GivenTokenGrant()])
async def test_logout_cancels_a_fetch_before_its_request_is_sent(
    server: ScriptedServer, grant: Grant
) -> None:
    """It neither starts a sign-in, which the logout would wait for, nor sends a refresh token."""
    login = Login(grant)
    token = await login.token(server, None)
    logins, sent = grant.logins if isinstance(grant, SignInGrant) else 0, list(server.sent)
    fetch = asyncio.create_task(login.token(server, token.access_token))
    await asyncio.sleep(0)
    to_revoke = login.start_logout()
    await login.finish_logout(server, to_revoke)
    with pytest.raises(TokenError, match="logged out meanwhile"):
        await fetch
    assert server.sent == sent
    assert not isinstance(grant, SignInGrant) or grant.logins == logins


@pytest.mark.rule("R040", "R083")
async def test_used_refresh_token_is_removed_from_the_cache_during_a_logout(
    server: ScriptedServer,
) -> None:
    """Another login that holds the lock before the logout would send it again."""
    cache = MemoryCache()
    one, other = (Login(SignInGrant(), cache=cache, key=KEY) for _ in range(2))
    token = await one.token(server, None)
    server.gate.clear()
    fetches = [asyncio.create_task(each.token(server, token.access_token)) for each in (one, other)]
    await server.reached.wait()
    to_revoke = one.start_logout()
    logout = asyncio.create_task(one.finish_logout(server, to_revoke))
    await run_ready_tasks()
    server.gate.set()
    with pytest.raises(TokenError, match="logged out meanwhile"):
        await fetches[0]
    assert (await fetches[1]).access_token == "access-of-login-1"
    await logout
    assert server.sent == ["login-1"]
    assert ("refresh-1", "refresh_token") in to_revoke.with_hints()


class DamagedCache(FailingCache):
    """A cache that cannot delete, and whose next reads return a damaged text."""

    def __init__(self) -> None:
        super().__init__()
        self.damaged_reads = 0

    async def get(self, key: str) -> str | None:
        """Read an entry, perhaps a damaged one."""
        if key != KEY or not self.damaged_reads:
            return await super().get(key)
        self.damaged_reads -= 1
        return "{}"


@pytest.mark.rule("R083")
@pytest.mark.parametrize("damaged_reads", [1, 3])
async def test_login_that_a_logout_could_not_read_or_delete_is_not_used(
    server: ScriptedServer, damaged_reads: int
) -> None:
    """A damaged read does not prove that the entry is empty. A new login replaces the entry."""
    cache = DamagedCache()
    login = Login(SignInGrant(), cache=cache, key=KEY)
    await login.token(server, None)
    cache.damaged_reads, cache.failing = damaged_reads, {"delete", "remove"}
    with pytest.raises(CacheError, match="the disk is full"):
        await login.finish_logout(server, login.start_logout())
    assert (await login.token(server, None)).access_token == "access-of-login-2"
    cache.failing = set()
    assert (await login.token(server, None)).access_token == "access-of-login-2"
    stored = await stored_in(cache)
    assert stored is not None
    assert stored.refresh_token == "login-2"


class CodeGrant(SignInGrant):
    """A sign-in that ends with a request to the server."""

    is_interactive = True

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Exchange the code."""
        return await server.request({"grant_type": self.name})


@pytest.mark.rule("R083")
async def test_logout_revokes_the_refresh_tokens_of_two_sign_ins(server: ScriptedServer) -> None:
    """If another client is not told of this sign-in, both end, and the later one remains."""
    cache = MemoryCache()
    login = Login(CodeGrant(), cache=cache, key=KEY)
    server.gate.clear()
    signing_in = asyncio.create_task(login.token(server, None))
    await server.reached.wait()
    other = StoredLogin(Token("other", 3600), "other-refresh", ISSUER)
    await cache.set(KEY, write_stored_login(other), None)
    assert (await login.token(server, None)).access_token == "other"
    server.gate.set()
    await signing_in
    to_revoke = login.start_logout()
    await login.finish_logout(server, to_revoke)
    assert {token for token, kind in to_revoke.with_hints() if kind == "refresh_token"} == {
        "refresh-1",
        "other-refresh",
    }


@pytest.mark.rule("R083")
async def test_logout_during_on_token_revokes_the_token(
    server: ScriptedServer, cache: TokenCache | None
) -> None:
    """The caller gets an error, the token was stored, and it is to be revoked."""
    started, finish = asyncio.Event(), asyncio.Event()

    async def on_token(_: Token) -> None:
        started.set()
        await finish.wait()

    login = Login(SignInGrant(), cache=cache, key=KEY, on_token=on_token)
    task = asyncio.create_task(login.token(server, None))
    await started.wait()
    to_revoke = login.start_logout()
    finish.set()
    with pytest.raises(TokenError, match="logged out meanwhile"):
        await task
    await login.finish_logout(server, to_revoke)
    assert to_revoke.with_hints() == [
        ("login-1", "refresh_token"),
        ("access-of-login-1", "access_token"),
    ]
    assert cache is None or await cache.get(KEY) is None


async def test_given_refresh_token_is_not_sent_after_a_logout(
    server: ScriptedServer,
) -> None:
    """A user's own grant has no tokens to revoke except the fetched ones."""
    unused = Login(GivenTokenGrant())
    to_revoke = unused.start_logout()
    await unused.finish_logout(server, to_revoke)
    assert to_revoke.with_hints() == []
    login = Login(GivenTokenGrant())
    await login.token(server, None)
    to_revoke = login.start_logout()
    await login.finish_logout(server, to_revoke)
    assert to_revoke.with_hints() == [("refresh-1", "refresh_token"), ("access-1", "access_token")]
    again = login.start_logout()
    await login.finish_logout(server, again)
    assert again.with_hints() == []
    with pytest.raises(LoginRequiredError):
        await login.token(server, None)
    assert server.sent == ["given"]


class FakeLogin:
    """A login whose cache entry cannot be emptied: the cache fails, or does not answer."""

    def __init__(self, error: CacheError | None) -> None:
        self._error = error

    def start_logout(self) -> TokensToRevoke:
        """Return no tokens."""
        return TokensToRevoke()

    async def finish_logout(self, server: TokenEndpoint, to_revoke: TokensToRevoke) -> None:
        """Raise the error, or wait forever."""
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


@pytest.mark.rule("R071")
async def test_cancelled_logout_is_cancelled_after_the_failure_of_another_entry() -> None:
    """The caller is not told of the failure instead."""
    endpoint: Any = object()
    logout = Logout()
    for error in (CacheError("no disk"), None):
        logout.add(None, FakeLogin(error), endpoint)
    leaving = asyncio.create_task(logout.end(endpoint))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()


async def test_first_of_two_failures_is_raised() -> None:
    """The second entry is emptied, too."""
    endpoint: Any = SimpleNamespace(has=AsyncMock(return_value=False))
    logout = Logout()
    for error in (CacheError("no disk"), CacheError("no disk either")):
        logout.add(None, FakeLogin(error), endpoint)
    with pytest.raises(CacheError, match=r"^no disk$"):
        await logout.end(endpoint)
