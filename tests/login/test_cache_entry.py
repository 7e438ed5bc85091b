"""Tests of a login's entry in a token cache: its precedence, and failures of the cache."""

from contextlib import suppress
from unittest.mock import AsyncMock, patch

import pytest

from aioalf._auth_server.request_params import AmendResponse, Form
from aioalf._login.cache_entry_format import StoredLogin, write_stored_login
from aioalf._login.login import Login
from aioalf.caches import Claim, MemoryCache
from aioalf.errors import CacheError
from aioalf.grants import AuthorizationServer, ClientCredentials
from aioalf.token import Token
from tests.login.scripted import (
    INVALID_GRANT,
    ISSUER,
    KEY,
    FailingCache,
    ScriptedServer,
    SignInGrant,
    stored_in,
)


async def test_cached_token_is_used_until_it_is_rejected(server: ScriptedServer) -> None:
    """Another client has signed in, so no new sign-in is needed."""
    cache, grant = MemoryCache(), SignInGrant()
    first = await Login(SignInGrant(), cache=cache, key=KEY).token(server, None)
    login = Login(grant, cache=cache, key=KEY)
    stored = await login.token(server, None)
    assert stored.access_token == first.access_token
    await login.token(server, stored.access_token)
    assert (server.sent, grant.logins) == (["login-1"], 0)


async def test_expired_cached_token_is_refreshed(server: ScriptedServer) -> None:
    """The cached refresh token is still valid."""
    cache = MemoryCache()
    stored = StoredLogin(Token("old", 0), "kept", ISSUER)
    await cache.set(KEY, write_stored_login(stored), None)
    token = await Login(SignInGrant(), cache=cache, key=KEY).token(server, None)
    assert (token.access_token, server.sent) == ("access-1", ["kept"])


@pytest.mark.rule("R046")
@pytest.mark.parametrize("issuer", ["https://evil.example.com", f"{ISSUER}/", None])
async def test_entry_of_another_issuer_is_ignored(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, issuer: str | None
) -> None:
    """Its refresh token is not sent, and the entry is replaced."""
    cache, grant = MemoryCache(), SignInGrant()
    theirs = StoredLogin(Token("theirs", 3600), "their-refresh", issuer)
    await cache.set(KEY, write_stored_login(theirs), None)
    token = await Login(grant, cache=cache, key=KEY).token(server, None)
    assert (token.access_token, server.sent) == ("access-of-login-1", [])
    stored = await stored_in(cache)
    assert stored is not None
    assert (stored.issuer, stored.refresh_token) == (ISSUER, "login-1")
    assert "will be replaced" in caplog.text
    assert "their" not in caplog.text


@pytest.mark.rule("R046")
async def test_token_endpoint_replaces_a_missing_issuer() -> None:
    """Clients with and without an issuer do not use each other's entries."""
    cache = MemoryCache()
    await Login(SignInGrant(), cache=cache, key=KEY).token(ScriptedServer(None), None)
    stored = await stored_in(cache)
    assert stored is not None
    assert stored.issuer == "https://auth.example.com/token_endpoint"


@pytest.mark.rule("R080")
@pytest.mark.parametrize("text", ["", "{}", "null", "\x00", '{"version": 2}'])
async def test_invalid_entry_is_replaced(server: ScriptedServer, text: str) -> None:
    """Any other text leads to a new sign-in, which is stored."""
    cache, grant = MemoryCache(), SignInGrant()
    await cache.set(KEY, text, None)
    await Login(grant, cache=cache, key=KEY).token(server, None)
    assert grant.logins == 1
    assert await stored_in(cache) is not None


@pytest.mark.rule("R043")
async def test_deleted_entry_ends_the_login(server: ScriptedServer) -> None:
    """Another client has logged out or was refused, so the refresh token in memory is not sent.

    An entry that another version of the package wrote ends the login, too.
    """
    cache, grant = MemoryCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    for number, text in enumerate(("", '{"version": 9}'), 2):
        token = await login.token(server, None)
        await cache.delete(KEY)
        if text:
            await cache.set(KEY, text, None)
        await login.token(server, token.access_token)
        assert (server.sent, grant.logins) == ([], number)


@pytest.mark.rule("R080")
async def test_login_in_memory_survives_a_damaged_entry(server: ScriptedServer) -> None:
    """It refreshes and repairs the entry, which other clients can use again."""
    cache, grant = MemoryCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    await cache.set(KEY, "", None)
    token = await login.token(server, token.access_token)
    assert (server.sent, grant.logins) == (["login-1"], 1)
    other = Login(grant, cache=cache, key=KEY)
    assert (await other.token(server, None)).access_token == token.access_token
    await other.token(server, token.access_token)
    assert (server.sent, grant.logins) == (["login-1", "refresh-1"], 1)


async def test_entry_without_refresh_token_has_the_lifetime_of_its_token(
    server: ScriptedServer,
) -> None:
    """With a refresh token, the entry has no time limit."""
    lifetimes: list[float | None] = []

    class RecordingCache(MemoryCache):
        """Records the lifetimes of its entries."""

        async def set(self, key: str, value: str, ttl: float | None) -> None:
            lifetimes.append(ttl)

    await Login(SignInGrant(), cache=RecordingCache(), key=KEY).token(server, None)
    service = Login(ClientCredentials(), cache=RecordingCache(), key=KEY)

    async def request(
        form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        return Token("abc", 60, refresh_token="ignored")

    server.request = request  # type: ignore[method-assign]
    await service.token(server, None)
    assert lifetimes == [None, 60]


@pytest.mark.rule("R040")
@pytest.mark.parametrize("error", [CacheError("the disk is full"), ConnectionError("secret")])
@pytest.mark.parametrize("is_new", [True, False])
async def test_failed_write_is_logged_once_and_tokens_are_used_from_memory(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, error: Exception, *, is_new: bool
) -> None:
    """The outdated entry is not used meanwhile; the next write that succeeds replaces it."""
    cache, grant = FailingCache(), SignInGrant()
    cache.error = error
    login = Login(grant, cache=cache, key=KEY)
    if is_new:
        cache.failing = {"replace"}
    token = await login.token(server, None)
    cache.failing = {"replace"}
    for _ in range(3):
        token = await login.token(server, token.access_token)
    assert server.sent == ["login-1", "refresh-1", "refresh-2"]
    assert grant.logins == 1
    [message] = caplog.messages
    assert "in memory only" in message
    assert "secret" not in message
    cache.failing = set()
    token = await login.token(server, token.access_token)
    stored = await stored_in(cache.inner)
    assert stored is not None
    assert stored.refresh_token == "refresh-4"
    cache.failing = {"replace"}
    await login.token(server, token.access_token)
    assert len(caplog.records) == 2


@pytest.mark.rule("R040")
@pytest.mark.parametrize(
    "failing", [{"replace"}, {"replace", "remove"}], ids=["replace", "replace, remove"]
)
async def test_entry_with_a_used_refresh_token_is_deleted_if_it_cannot_be_replaced(
    server: ScriptedServer, failing: set[str]
) -> None:
    """Another client would send it again, and a rotating server would revoke the whole login."""
    cache = FailingCache()
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.failing = failing
    token = await login.token(server, token.access_token)
    assert (await stored_in(cache.inner) is None) is ("remove" not in failing)
    token = await login.token(server, token.access_token)
    cache.failing = set()
    await login.token(server, token.access_token)
    assert server.sent == ["login-1", "refresh-1", "refresh-2"]
    stored = await stored_in(cache.inner)
    assert stored is not None
    assert stored.refresh_token == "refresh-3"


@pytest.mark.rule("R041", "R047")
async def test_entry_with_a_valid_refresh_token_is_kept_if_it_cannot_be_replaced(
    server: ScriptedServer,
) -> None:
    """Without rotation, the refresh token in the entry is still valid."""
    cache = FailingCache()
    server.rotates = False
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.failing = {"replace"}
    await login.token(server, token.access_token)
    stored = await stored_in(cache.inner)
    assert stored is not None
    assert stored.refresh_token == "login-1"


async def test_newer_entry_of_another_client_overrides_the_login_in_memory(
    server: ScriptedServer,
) -> None:
    """The entry was written after the failed write."""
    cache = FailingCache()
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.failing = {"replace"}
    token = await login.token(server, token.access_token)
    stored = StoredLogin(Token("theirs", 3600), "theirs", ISSUER)
    await cache.inner.set(KEY, write_stored_login(stored), None)
    assert (await login.token(server, token.access_token)).access_token == "theirs"


@pytest.mark.rule("R045")
async def test_refused_refresh_token_is_not_sent_again_if_deleting_fails(
    server: ScriptedServer,
) -> None:
    """The cache still contains it; the new sign-in is used from memory."""
    cache, grant = FailingCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.failing = {"remove", "replace"}
    server.error = INVALID_GRANT
    token = await login.token(server, token.access_token)
    server.error = None
    await login.token(server, token.access_token)
    assert server.sent == ["login-1", "login-2"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.rule("R080")
@pytest.mark.parametrize("failing", ["get", "claim"])
async def test_failed_read_or_claim_is_an_error(server: ScriptedServer, failing: str) -> None:
    """Without the claim a refresh token could be sent twice. The next call can succeed."""
    cache = FailingCache()
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.failing = {failing}
    with pytest.raises(CacheError, match="the disk is full"):
        await login.token(server, token.access_token)
    cache.failing = set()
    await login.token(server, token.access_token)
    assert server.sent == ["login-1"]


class BrokenClaim:
    """A claim that cannot tell whether it is held, because the connection is lost."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim

    @property
    def is_held(self) -> bool:
        """Fail."""
        raise RuntimeError("the connection is lost")

    async def replace(self, value: str, ttl: float | None) -> bool:
        """Store a value."""
        return await self._claim.replace(value, ttl)

    async def remove(self) -> bool:
        """Remove the value."""
        return await self._claim.remove()

    async def release(self) -> None:
        """Release the claim."""
        await self._claim.release()


class BrokenClaimCache(MemoryCache):
    """A cache whose claims are broken."""

    async def claim(self, key: str) -> Claim | None:
        """Return a broken claim."""
        claim = await super().claim(key)
        return None if claim is None else BrokenClaim(claim)


@pytest.mark.usefixtures("impatient")
@pytest.mark.rule("R080")
async def test_no_refresh_token_is_sent_if_the_claim_may_be_lost(server: ScriptedServer) -> None:
    """An error of the claim is an error of the cache."""
    cache = BrokenClaimCache()
    await cache.set(KEY, write_stored_login(StoredLogin(Token("old", 0), "kept", ISSUER)), None)
    with pytest.raises(CacheError, match="The token cache raised RuntimeError"):
        await Login(SignInGrant(), cache=cache, key=KEY).token(server, None)
    assert server.sent == []


class OddCache(MemoryCache):
    """A cache whose claims can be lost, or raise an error after they have removed a value."""

    def __init__(self) -> None:
        super().__init__()
        self.is_lost = False
        self.fails_late = False

    async def claim(self, key: str) -> Claim | None:
        """Return a claim that is odd, too."""
        claim = await super().claim(key)
        return None if claim is None else OddClaim(self, claim)


class OddClaim:
    """A claim of `OddCache`."""

    is_held = True

    def __init__(self, cache: OddCache, claim: Claim) -> None:
        self._cache = cache
        self._claim = claim

    async def replace(self, value: str, ttl: float | None) -> bool:
        """Store a value, unless the claim is odd."""
        if self._cache.fails_late:
            raise CacheError("the disk is full")
        return not self._cache.is_lost and await self._claim.replace(value, ttl)

    async def remove(self) -> bool:
        """Remove the value, unless the claim is lost."""
        if self._cache.is_lost:
            return False
        is_removed = await self._claim.remove()
        if self._cache.fails_late:
            raise CacheError("the disk is full")
        return is_removed

    async def release(self) -> None:
        """Release the claim."""
        await self._claim.release()


@pytest.mark.rule("R040")
async def test_refresh_token_in_an_entry_that_a_lost_claim_left_is_not_sent_again(
    server: ScriptedServer,
) -> None:
    """Neither the write nor the removal after the refusal has changed the entry."""
    cache = OddCache()
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.is_lost = True
    token = await login.token(server, token.access_token)
    server.error = INVALID_GRANT
    token = await login.token(server, token.access_token)
    assert token.access_token == "access-of-login-2"
    assert server.sent == ["login-1", "refresh-1"]


async def test_entry_that_was_removed_in_spite_of_an_error_does_not_end_the_login(
    server: ScriptedServer,
) -> None:
    """The new refresh token is only in memory, and no further sign-in is needed."""
    cache, grant = OddCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.fails_late = True
    token = await login.token(server, token.access_token)
    await login.token(server, token.access_token)
    assert (server.sent, grant.logins) == (["login-1", "refresh-1"], 1)


async def test_sign_in_after_a_refusal_is_used_although_it_cannot_be_stored(
    server: ScriptedServer,
) -> None:
    """The entry is empty since the refusal, which does not end the new login."""
    cache, grant = FailingCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.failing = {"replace"}
    server.error = INVALID_GRANT
    token = await login.token(server, token.access_token)
    server.error = None
    await login.token(server, token.access_token)
    assert (server.sent, grant.logins) == (["login-1", "login-2"], 2)


@pytest.mark.parametrize("failing", ["nothing", "claim", "remove"])
async def test_sign_in_after_a_logout_is_used_although_it_cannot_be_stored(
    server: ScriptedServer, failing: str
) -> None:
    """The client reads only after the sign-in that the entry is empty since the logout."""
    cache, grant = FailingCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    await login.token(server, token.access_token)
    cache.failing = {failing}
    with suppress(CacheError):
        await login.finish_logout(server, login.start_logout())
    assert await stored_in(cache) is None
    cache.failing = {"replace"}
    with patch.object(cache.inner, "get", AsyncMock(return_value="damaged")):
        token = await login.token(server, None)
    await login.token(server, token.access_token)
    assert (server.sent, grant.logins) == (["login-1", "login-2"], 2)


@pytest.mark.rule("R040")
async def test_entry_that_cannot_be_replaced_is_ignored_for_ever(server: ScriptedServer) -> None:
    """Its refresh token was sent long ago, and the current one is in memory."""
    cache, grant = FailingCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    cache.failing = {"replace", "remove"}
    for _ in range(40):
        token = await login.token(server, token.access_token)
    assert grant.logins == 1
    assert server.sent == ["login-1", *(f"refresh-{number}" for number in range(1, 40))]


@pytest.mark.rule("R040")
@pytest.mark.parametrize("is_stored", [True, False])
async def test_late_answer_of_the_cache_does_not_replace_a_newer_login(
    server: ScriptedServer, *, is_stored: bool
) -> None:
    """The text was read before another fetch of the same client wrote the entry."""
    cache, grant = FailingCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    late = await cache.get(KEY)
    cache.failing = set() if is_stored else {"replace"}
    token = await login.token(server, token.access_token)
    cache.failing = {"remove"}
    with patch.object(cache.inner, "get", AsyncMock(return_value=late)):
        token = await login.token(server, token.access_token)
    assert (server.sent, grant.logins) == (["login-1", "refresh-1"], 1)


async def test_entry_with_the_same_token_as_before_is_used() -> None:
    """Some servers give the same token until it expires."""

    class SameToken(SignInGrant):
        """Returns a token without expiry."""

        async def request_token(self, server: AuthorizationServer) -> Token:
            self.logins += 1
            return Token("same", None)

    cache, grant, server = MemoryCache(), SameToken(), ScriptedServer()
    login = Login(grant, cache=cache, key=KEY)
    for _ in range(2):
        await login.token(server, None)
        await login.token(server, "same")
    assert grant.logins == 3


async def test_token_that_cannot_be_stored_is_used_anyway(server: ScriptedServer) -> None:
    """A user's own grant may return any token."""

    class OddGrant(SignInGrant):
        """Returns a token that is not a valid header value."""

        async def request_token(self, server: AuthorizationServer) -> Token:
            return Token("two words", 3600)

    token = await Login(OddGrant(), cache=MemoryCache(), key=KEY).token(server, None)
    assert token.access_token == "two words"
