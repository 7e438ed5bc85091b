"""A refresh token's life: one use, whatever is closed, cancelled, reset or broken meanwhile."""

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from yarl import URL

from aioalf._auth_server.request_params import Form, TokenRequestParams
from aioalf._login.cache_key import cache_key_for
from aioalf._login.login import Login
from aioalf._login.stored_login import StoredLogin, read_stored_login, write_stored_login
from aioalf._syntax import scope_set
from aioalf.caches import FileCache, MemoryCache, TokenCache
from aioalf.errors import (
    CacheError,
    LoginRequiredError,
    ScopeNotGrantedError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import (
    AuthorizationCode,
    AuthorizationServer,
    ClientCredentials,
    Grant,
    RefreshToken,
    TokenExchange,
)
from aioalf.token import Token

ISSUER = "https://auth.example.com"
KEY = "alf1-key"
GONE = TokenHTTPError("no", 400, error="invalid_grant")


class SignInGrant:
    """A grant whose logins give refresh tokens: "login-1", "login-2" …"""

    name = "authorization_code"
    can_begin = True
    keeps_refresh_token = True

    def __init__(self, scope: frozenset[str] | None = None) -> None:
        self.logins = 0
        self._scope = scope

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """A token of a new login."""
        self.logins += 1
        name = f"login-{self.logins}"
        return Token(f"access-of-{name}", 3600, refresh_token=name, scope=self._scope)


class Given:
    """A grant that has a refresh token and nobody to ask for another."""

    name = "refresh_token"
    can_begin = False
    keeps_refresh_token = True

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """The token for it."""
        return await endpoint.request({"grant_type": "refresh_token", "refresh_token": "given"})


class Server:
    """An endpoint that gives "refresh-1", "refresh-2" … when its gate is open, or an error."""

    def __init__(
        self, issuer: str | None = ISSUER, asked: TokenRequestParams | None = None
    ) -> None:
        self.client_id: str | None = "client-id"
        self.issuer = issuer
        self.asked = asked or TokenRequestParams()
        self.forms: list[Form] = []
        self.error: Exception | None = None
        self.lifetime: float | None = 3600
        self.rotates = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    @property
    def sent(self) -> list[object]:
        """The refresh tokens that came, in order."""
        return [form.get("refresh_token") for form in self.forms]

    async def url_of(self, name: str) -> URL:
        """An endpoint that nobody asks."""
        return URL(f"https://auth.example.com/{name}")

    async def metadata(self) -> Mapping[str, object]:
        """Nothing."""
        return {}

    async def request(self, form: Form, *, is_repeatable: bool = False) -> Token:
        """The next token."""
        assert not is_repeatable
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
        """Nothing."""
        raise NotImplementedError


class Stubborn:
    """A cache that fails where it is told to; it holds what `MemoryCache` does."""

    def __init__(self) -> None:
        self.inner = MemoryCache()
        self.failing: set[str] = set()
        self.error: Exception = CacheError("the disk is full")

    async def get(self, key: str) -> str | None:
        """As the other."""
        self._fail("get")
        return await self.inner.get(key)

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """As the other."""
        self._fail("set")
        await self.inner.set(key, value, ttl)

    async def delete(self, key: str) -> None:
        """As the other."""
        self._fail("delete")
        await self.inner.delete(key)

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """As the other."""
        self._fail("lock")
        return self.inner.lock(key)

    def _fail(self, what: str) -> None:
        if what in self.failing:
            raise self.error


async def turn() -> None:
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def record_in(cache: TokenCache, key: str = KEY) -> StoredLogin | None:
    """What is kept."""
    text = await cache.get(key) or ""
    return read_stored_login(text, now=datetime.now(UTC), monotonic=time.monotonic())


async def cancelled(*tasks: asyncio.Task[Token]) -> None:
    """Wait for tasks that were cancelled."""
    for task in tasks:
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
async def server() -> Server:
    """One whose gate is open."""
    return Server()


@pytest.fixture(params=["no cache", "memory", "file"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> TokenCache | None:
    """Each kind, and none."""
    caches: dict[str, TokenCache | None] = {
        "no cache": None,
        "memory": MemoryCache(),
        "file": FileCache(tmp_path / "cache"),
    }
    return caches[request.param]


def spent(token: Token) -> str:
    """What to pass for a token that is to be replaced."""
    return token.access_token


# The life of a refresh token


@pytest.mark.rule("R040", "R047")
async def test_a_refresh_token_is_sent_once_and_replaced(
    server: Server, cache: TokenCache | None
) -> None:
    """Each answer's counts from then on; nobody logs in again."""
    grant = SignInGrant()
    authorization = Login(grant, cache=cache, key=KEY)
    token = await authorization.token(server, None)
    for _ in range(3):
        token = await authorization.token(server, spent(token))
    assert server.sent == ["login-1", "refresh-1", "refresh-2"]
    assert grant.logins == 1


@pytest.mark.rule("R041", "R047")
async def test_a_refresh_token_stays_where_none_replaces_it(
    server: Server, cache: TokenCache | None
) -> None:
    """A server that does not rotate sends none."""
    server.rotates = False
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    for _ in range(2):
        token = await authorization.token(server, spent(token))
    assert server.sent == ["login-1", "login-1"]


@pytest.mark.rule("R011")
async def test_a_refresh_token_that_nobody_asked_for_is_ignored(server: Server) -> None:
    """Client credentials are good for another token at any time."""

    class Service(SignInGrant):
        """As client credentials are."""

        keeps_refresh_token = False

    cache, grant = MemoryCache(), Service()
    authorization = Login(grant, cache=cache, key=KEY)
    token = await authorization.token(server, None)
    await authorization.token(server, spent(token))
    assert (server.sent, grant.logins) == ([], 2)
    record = await record_in(cache)
    assert record is not None
    assert record.refresh_token is None


@pytest.mark.rule("R033", "R044")
@pytest.mark.parametrize(
    "error",
    [
        TokenHTTPError("busy", 503),
        TokenHTTPError("busy", 429, retry_after=1),
        TokenHTTPError("who?", 401, error="invalid_client"),
        TokenConnectionError("hung up", is_transient=True),
        TokenResponseError("HTML", 200),
    ],
    ids=str,
)
async def test_a_failure_does_not_lose_the_refresh_token(
    server: Server, cache: TokenCache | None, error: TokenError
) -> None:
    """A second try sends it again and succeeds."""
    grant = SignInGrant()
    authorization = Login(grant, cache=cache, key=KEY)
    token = await authorization.token(server, None)
    server.error = error
    with pytest.raises(type(error)):
        await authorization.token(server, spent(token))
    server.error = None
    await authorization.token(server, spent(token))
    assert server.sent == ["login-1", "login-1"]
    assert grant.logins == 1


def useless(replacement: str) -> TokenResponseError:
    """An answer with a refresh token and no token that can be used."""
    error = TokenResponseError("less scope than was asked for", 200)
    error.hold_replacement(replacement)
    return error


@pytest.mark.rule("R040")
async def test_a_refresh_token_that_comes_with_a_useless_token_counts(
    server: Server, cache: TokenCache | None
) -> None:
    """The old one is not sent again, by another client of the cache neither."""
    grant = SignInGrant()
    authorization = Login(grant, cache=cache, key=KEY)
    token = await authorization.token(server, None)
    server.error = useless("newer")
    with pytest.raises(TokenResponseError, match="less scope"):
        await authorization.token(server, spent(token))
    server.error = None
    other = authorization if cache is None else Login(grant, cache=cache, key=KEY)
    await other.token(server, spent(token))
    assert (server.sent, grant.logins) == (["login-1", "newer"], 1)


@pytest.mark.rule("R040")
async def test_a_given_refresh_token_is_replaced_by_a_useless_answer(server: Server) -> None:
    """It was sent, and is not sent again; who keeps refresh tokens is told."""
    told: list[tuple[str, str | None]] = []

    def keep(token: Token) -> None:
        told.append((token.access_token, token.refresh_token))

    authorization = Login(Given(), on_token=keep)
    server.error = useless("newer")
    with pytest.raises(TokenResponseError, match="less scope"):
        await authorization.token(server, None)
    server.error = None
    await authorization.token(server, None)
    assert server.sent == ["given", "newer"]
    assert told == [("", "newer"), ("access-2", "refresh-2")]


@pytest.mark.rule("R045")
@pytest.mark.parametrize("error", [GONE, TokenResponseError("no", 200, error="invalid_grant")])
async def test_a_refused_refresh_token_makes_the_grant_begin_anew_once(
    server: Server, cache: TokenCache | None, error: TokenError
) -> None:
    """Also where the server says so with a status of 200; the old one is never sent again."""
    grant = SignInGrant()
    authorization = Login(grant, cache=cache, key=KEY)
    token = await authorization.token(server, None)
    server.error = error
    token = await authorization.token(server, spent(token))
    assert (token.access_token, grant.logins) == ("access-of-login-2", 2)
    server.error = None
    await authorization.token(server, spent(token))
    assert server.sent == ["login-1", "login-2"]


@pytest.mark.rule("R045")
@pytest.mark.parametrize("after", [0, 1])
async def test_where_nobody_can_log_in_again_that_is_said_without_a_request(
    server: Server, after: int
) -> None:
    """The given one or one that replaced it was refused: neither is sent again, nor at first."""
    authorization = Login(Given())
    if after:
        await authorization.token(server, None)
    server.error = GONE
    with pytest.raises(LoginRequiredError, match="log in again") as caught:
        await authorization.token(server, None)
    assert caught.value.__cause__ is GONE
    for _ in range(3):
        with pytest.raises(LoginRequiredError):
            await authorization.token(server, None)
    assert server.sent == ["given", "refresh-1"][: 1 + after]


async def test_a_given_refresh_token_survives_what_passes(server: Server) -> None:
    """It is sent again after a failure, and while the server replaces it with none."""
    server.rotates = False
    authorization = Login(Given())
    server.error = TokenHTTPError("busy", 503)
    with pytest.raises(TokenHTTPError):
        await authorization.token(server, None)
    server.error = None
    for _ in range(2):
        await authorization.token(server, None)
    assert server.sent == ["given"] * 3


# What is asked for again


@pytest.mark.rule("R042")
async def test_a_refresh_asks_for_no_more_than_was_granted(cache: TokenCache | None) -> None:
    """Where less than asked for was granted, and that is allowed, all of it is not asked again."""
    server = Server(asked=TokenRequestParams("read write admin"))
    authorization = Login(SignInGrant(frozenset({"admin", "read"})), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    for _ in range(2):
        token = await authorization.token(server, spent(token))
    assert [form["scope"] for form in server.forms] == ["read admin"] * 2


async def test_a_scope_that_nobody_knows_is_left_to_the_request() -> None:
    """A refresh token that was given says nothing of what was granted."""
    server = Server(asked=TokenRequestParams("read"))
    authorization = Login(Given())
    token = await authorization.token(server, None)
    await authorization.token(server, spent(token))
    assert all("scope" not in form for form in server.forms)


# For somebody else


async def derived(
    authorization: Login, server: Server, asked: TokenRequestParams, *, has_own_scope: bool
) -> Token:
    """What a derived client gets of a login."""
    endpoint = Server(asked=asked)
    endpoint.request = server.request  # type: ignore[method-assign]
    name = f"other, {has_own_scope}"
    token = await authorization.derived_token(endpoint, None, name, has_own_scope=has_own_scope)
    assert token is not None
    return token


@pytest.mark.rule("R042")
async def test_a_derived_refresh_asks_for_no_more_than_was_granted(
    server: Server, cache: TokenCache | None
) -> None:
    """Less may have been granted than the login asked for: who asks for the same gets that."""
    authorization = Login(SignInGrant(frozenset({"admin", "read"})), cache=cache, key=KEY)
    await authorization.token(server, None)
    await derived(authorization, server, TokenRequestParams("read write"), has_own_scope=False)
    assert server.forms[-1]["scope"] == "read"
    with pytest.raises(ScopeNotGrantedError, match="scope write, ") as caught:
        await derived(authorization, server, TokenRequestParams("read write"), has_own_scope=True)
    assert caught.value.missing == {"write"}
    assert len(server.forms) == 1


@pytest.mark.rule("R042")
async def test_a_derived_refresh_narrows_no_login(server: Server) -> None:
    """What was granted to the login is asked for again, whatever was asked for in between."""
    server.asked = TokenRequestParams("read write")
    authorization = Login(SignInGrant(frozenset({"read", "write"})))
    token = await authorization.token(server, None)
    await derived(authorization, server, TokenRequestParams("read"), has_own_scope=True)
    await authorization.token(server, spent(token))
    assert [form["scope"] for form in server.forms] == ["read", "read write"]


@pytest.mark.rule("R040")
async def test_a_derived_token_and_the_next_refresh_token_are_kept_in_one_write(
    server: Server,
) -> None:
    """Whoever reads meanwhile has both or neither; what has expired is left out."""
    cache = MemoryCache()
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    own = await authorization.token(server, None)
    server.lifetime = 0
    await derived(authorization, server, TokenRequestParams(), has_own_scope=False)
    server.lifetime = 60
    endpoint = Server()
    endpoint.request = server.request  # type: ignore[method-assign]
    await authorization.derived_token(endpoint, None, "third", has_own_scope=False)
    record = await record_in(cache)
    assert record is not None
    assert (record.token.access_token, record.refresh_token) == (own.access_token, "refresh-2")
    assert {name: each.access_token for name, each in record.derived.items()} == {
        "third": "access-2"
    }
    left = authorization.start_logout()
    assert [token for token, _ in left.with_hints()] == ["refresh-2", "access-of-login-1", "access-2"]


async def test_what_lives_longest_says_how_long_a_record_is_kept(server: Server) -> None:
    """Where no refresh token is in it."""

    class Brief(SignInGrant):
        """Gives no refresh token, and a token for a minute, or for as long as is asked for."""

        async def request_token(self, endpoint: AuthorizationServer) -> Token:
            return Token("brief", float(endpoint.asked.scope or 60))

    class Watched(MemoryCache):
        """Tells for how long it is to keep."""

        async def set(self, key: str, value: str, ttl: float | None) -> None:
            lives.append(ttl)
            await super().set(key, value, ttl)

    lives: list[float | None] = []
    authorization = Login(Brief(), cache=Watched(), key=KEY)
    await authorization.token(server, None)
    await derived(authorization, server, TokenRequestParams("90"), has_own_scope=True)
    assert lives == [60, 90]


# While a request is in the air


@pytest.mark.rule("R044")
@pytest.mark.parametrize("times", [1, 3])
async def test_the_answer_is_kept_for_who_was_cancelled(
    server: Server, cache: TokenCache | None, times: int
) -> None:
    """However often; the next one goes on with what came."""
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    server.gate.clear()
    task = asyncio.create_task(authorization.token(server, spent(token)))
    await server.reached.wait()
    for _ in range(times):
        task.cancel()
        await turn()
    server.gate.set()
    await cancelled(task)
    assert (await authorization.token(server, spent(token))).is_valid()
    assert (await authorization.token(server, "access-1")).is_valid()
    assert server.sent in (["login-1", "refresh-1"], ["login-1", "refresh-1", "refresh-2"])


@pytest.mark.rule("R044")
async def test_an_answer_that_comes_when_no_thread_is_left_is_kept(
    server: Server, tmp_path: Path
) -> None:
    """The old refresh token does not stay in the file of a program that is about to end."""
    cache = FileCache(tmp_path / "cache")
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    server.gate.clear()
    task = asyncio.create_task(authorization.token(server, spent(token)))
    await server.reached.wait()
    await asyncio.get_running_loop().shutdown_default_executor()
    server.gate.set()
    await task
    found = await record_in(cache)
    assert found is not None
    assert found.refresh_token == "refresh-1"


@pytest.mark.rule("R044")
async def test_an_error_that_nobody_waits_for_is_no_warning(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Who left does not want to hear of it, and asyncio does not tell of it."""
    authorization = Login(SignInGrant())
    token = await authorization.token(server, None)
    server.gate.clear()
    task = asyncio.create_task(authorization.token(server, spent(token)))
    await server.reached.wait()
    task.cancel()
    server.error = TokenHTTPError("busy", 503)
    server.gate.set()
    await cancelled(task)
    assert not caplog.records


async def test_a_request_that_is_ended_by_its_loop_ends_who_waits(server: Server) -> None:
    """As asyncio.run does: every task is cancelled, and none is left."""
    authorization = Login(SignInGrant())
    token = await authorization.token(server, None)
    server.gate.clear()
    before = asyncio.all_tasks()
    task = asyncio.create_task(authorization.token(server, spent(token)))
    await server.reached.wait()
    for each in asyncio.all_tasks() - before:
        each.cancel()
    await cancelled(task)


@pytest.mark.rule("R040", "R043", "R044")
async def test_nobody_sends_what_a_cancelled_request_has_sent(
    server: Server, cache: TokenCache | None
) -> None:
    """Who is cancelled holds the lock until the answer is kept: the next one finds the new one."""
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    server.gate.clear()
    first = asyncio.create_task(authorization.token(server, spent(token)))
    await server.reached.wait()
    first.cancel()
    other = authorization if cache is None else Login(SignInGrant(), cache=cache, key=KEY)
    second = asyncio.create_task(other.token(server, spent(token)))
    await asyncio.sleep(0.05)  # a file's lock is looked at now and then
    server.gate.set()
    await cancelled(first)
    assert (await second).is_valid()
    assert len(set(server.sent)) == len(server.sent)


@pytest.mark.rule("R040", "R043", "R044")
@pytest.mark.parametrize("is_cached", [True, False])
@pytest.mark.parametrize("seed", range(25))
async def test_whatever_is_cancelled_when_no_refresh_token_is_sent_twice(
    seed: int, *, is_cached: bool
) -> None:
    """Many callers, of two clients where they share a cache, and each may leave at any moment."""
    chance = random.Random(seed)  # noqa: S311 - the same again is the point
    server, grant = Server(), SignInGrant()

    async def request(form: Form, *, is_repeatable: bool = False) -> Token:
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        token = await Server.request(server, form, is_repeatable=is_repeatable)
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        return token

    endpoint = Server()
    endpoint.request = request  # type: ignore[method-assign]
    cache = MemoryCache() if is_cached else None
    clients = [Login(grant, cache=cache, key=KEY) for _ in range(1 + is_cached)]
    token = await clients[0].token(endpoint, None)
    tasks: list[asyncio.Task[Token]] = []
    for _ in range(40):
        match chance.randrange(3):
            case 0:
                who = chance.choice(clients)
                unwanted = chance.choice([spent(token), f"access-{len(server.forms)}"])
                tasks.append(asyncio.create_task(who.token(endpoint, unwanted)))
            case 1 if tasks:
                chance.choice(tasks).cancel()
            case _:
                await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    await clients[-1].token(endpoint, f"access-{len(server.forms)}")
    assert 0 < len(server.sent) == len(set(server.sent))
    assert grant.logins == 1


@pytest.mark.rule("R043", "R079")
async def test_two_with_one_cache_make_one_refresh(server: Server, tmp_path: Path) -> None:
    """Who waited for the lock takes what is there; so does who comes with what was refused."""
    for cache in (MemoryCache(), FileCache(tmp_path / "cache")):
        server.forms.clear()
        one, two = (Login(SignInGrant(), cache=cache, key=KEY) for _ in range(2))
        token = await one.token(server, None)
        found = await asyncio.gather(*(who.token(server, spent(token)) for who in (one, two)))
        assert found[0].access_token == found[1].access_token == "access-1"
        assert server.sent == ["login-1"]


async def test_a_login_is_ended_by_who_cancels_it(server: Server) -> None:
    """Nobody waits for a person who may never come; the lock is free at once."""

    class Absent(SignInGrant):
        """Waits for ever the first time."""

        async def request_token(self, endpoint: AuthorizationServer) -> Token:
            if not self.logins:
                self.logins += 1
                await asyncio.Event().wait()
            return await super().request_token(endpoint)

    authorization = Login(Absent(), cache=MemoryCache(), key=KEY)
    task = asyncio.create_task(authorization.token(server, None))
    await turn()
    task.cancel()
    await cancelled(task)
    assert (await authorization.token(server, None)).access_token == "access-of-login-2"


# What the cache holds


async def test_a_token_of_the_cache_is_used_until_it_is_unwanted(server: Server) -> None:
    """It is a login that somebody else made; nobody is asked again."""
    cache, grant = MemoryCache(), SignInGrant()
    first = await Login(SignInGrant(), cache=cache, key=KEY).token(server, None)
    authorization = Login(grant, cache=cache, key=KEY)
    found = await authorization.token(server, None)
    assert found.access_token == first.access_token
    await authorization.token(server, spent(found))
    assert (server.sent, grant.logins) == (["login-1"], 0)


async def test_an_expired_token_of_the_cache_is_refreshed(server: Server) -> None:
    """The refresh token outlives it."""
    cache = MemoryCache()
    record = StoredLogin(Token("old", 0), "kept", ISSUER)
    await cache.set(KEY, write_stored_login(record), None)
    token = await Login(SignInGrant(), cache=cache, key=KEY).token(server, None)
    assert (token.access_token, server.sent) == ("access-1", ["kept"])


@pytest.mark.rule("R046")
@pytest.mark.parametrize("issuer", ["https://evil.example.com", f"{ISSUER}/", None])
async def test_a_record_of_another_issuer_is_ignored(
    server: Server, caplog: pytest.LogCaptureFixture, issuer: str | None
) -> None:
    """Its refresh token goes nowhere, and it is replaced."""
    cache, grant = MemoryCache(), SignInGrant()
    record = StoredLogin(Token("theirs", 3600), "their-refresh", issuer)
    await cache.set(KEY, write_stored_login(record), None)
    token = await Login(grant, cache=cache, key=KEY).token(server, None)
    assert (token.access_token, server.sent) == ("access-of-login-1", [])
    found = await record_in(cache)
    assert found is not None
    assert (found.issuer, found.refresh_token) == (ISSUER, "login-1")
    assert "will be replaced" in caplog.text
    assert "their" not in caplog.text


@pytest.mark.rule("R046")
async def test_without_an_issuer_the_token_endpoint_is_who_issued() -> None:
    """What was stored by one that has an issuer is not for it, nor the other way about."""
    cache = MemoryCache()
    await Login(SignInGrant(), cache=cache, key=KEY).token(Server(None), None)
    found = await record_in(cache)
    assert found is not None
    assert found.issuer == "https://auth.example.com/token_endpoint"


@pytest.mark.rule("R080")
@pytest.mark.parametrize("text", ["", "{}", "null", "\x00", '{"version": 2}'])
async def test_what_is_no_record_is_replaced(server: Server, text: str) -> None:
    """Whatever is there: a login, and it is right again."""
    cache, grant = MemoryCache(), SignInGrant()
    await cache.set(KEY, text, None)
    await Login(grant, cache=cache, key=KEY).token(server, None)
    assert grant.logins == 1
    assert await record_in(cache) is not None


@pytest.mark.rule("R043")
async def test_a_login_that_was_removed_from_the_cache_is_over(server: Server) -> None:
    """Somebody logged out or was refused: what is remembered here may be used up, and is not sent.

    So it is with what is remembered in place of a record that another version wrote.
    """
    cache, grant = MemoryCache(), SignInGrant()
    authorization = Login(grant, cache=cache, key=KEY)
    for number, text in enumerate(("", "of another version"), 2):
        token = await authorization.token(server, None)
        await cache.delete(KEY)
        if text:
            await cache.set(KEY, text, None)
        await authorization.token(server, spent(token))
        assert (server.sent, grant.logins) == ([], number)


@pytest.mark.rule("R080")
async def test_a_login_outlives_the_damage_of_its_record(server: Server) -> None:
    """Who remembers it refreshes, and repairs what is there; nobody who does not can."""
    cache, grant = MemoryCache(), SignInGrant()
    authorization = Login(grant, cache=cache, key=KEY)
    token = await authorization.token(server, None)
    await cache.set(KEY, "", None)
    token = await authorization.token(server, spent(token))
    assert (server.sent, grant.logins) == (["login-1"], 1)
    other = Login(grant, cache=cache, key=KEY)
    assert (await other.token(server, None)).access_token == token.access_token
    await other.token(server, spent(token))
    assert (server.sent, grant.logins) == (["login-1", "refresh-1"], 1)


async def test_what_lives_shortly_is_kept_as_long(server: Server) -> None:
    """Without a refresh token, a record is worth as much as its token."""
    lives: list[float | None] = []

    class Watched(MemoryCache):
        """Tells for how long it is to keep."""

        async def set(self, key: str, value: str, ttl: float | None) -> None:
            lives.append(ttl)

    await Login(SignInGrant(), cache=Watched(), key=KEY).token(server, None)
    service = Login(ClientCredentials(), cache=Watched(), key=KEY)

    async def request(form: Form, *, is_repeatable: bool = False) -> Token:
        return Token("abc", 60, refresh_token="ignored")

    server.request = request  # type: ignore[method-assign]
    await service.token(server, None)
    assert lives == [None, 60]


@pytest.mark.rule("R040")
@pytest.mark.parametrize("error", [CacheError("the disk is full"), ConnectionError("secret")])
@pytest.mark.parametrize("is_new", [True, False])
async def test_what_cannot_be_written_is_used_from_memory_and_logged_once(
    server: Server, caplog: pytest.LogCaptureFixture, error: Exception, *, is_new: bool
) -> None:
    """What the cache holds is older, and is not used in its place; later it is written again."""
    cache, grant = Stubborn(), SignInGrant()
    cache.error = error
    authorization = Login(grant, cache=cache, key=KEY)
    if is_new:
        cache.failing = {"set"}
    token = await authorization.token(server, None)
    cache.failing = {"set"}
    for _ in range(3):
        token = await authorization.token(server, spent(token))
    assert server.sent == ["login-1", "refresh-1", "refresh-2"]
    assert grant.logins == 1
    [record] = caplog.records
    assert "in memory only" in record.getMessage()
    assert "secret" not in record.getMessage()
    cache.failing = set()
    token = await authorization.token(server, spent(token))
    found = await record_in(cache.inner)
    assert found is not None
    assert found.refresh_token == "refresh-4"
    cache.failing = {"set"}
    await authorization.token(server, spent(token))
    assert len(caplog.records) == 2


@pytest.mark.rule("R040")
@pytest.mark.parametrize("failing", [{"set"}, {"set", "delete"}], ids=["set", "set, delete"])
async def test_a_spent_refresh_token_does_not_stay_where_no_other_can_be_written(
    server: Server, failing: set[str]
) -> None:
    """Who shares the cache would send it again, and a server that rotates would end the login."""
    cache = Stubborn()
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    cache.failing = failing
    token = await authorization.token(server, spent(token))
    assert (await record_in(cache.inner) is None) is ("delete" not in failing)
    token = await authorization.token(server, spent(token))
    cache.failing = set()
    await authorization.token(server, spent(token))
    assert server.sent == ["login-1", "refresh-1", "refresh-2"]
    found = await record_in(cache.inner)
    assert found is not None
    assert found.refresh_token == "refresh-3"


@pytest.mark.rule("R041", "R047")
async def test_a_refresh_token_that_still_counts_stays_where_it_is(server: Server) -> None:
    """A server that does not rotate has not used it up."""
    cache = Stubborn()
    server.rotates = False
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    cache.failing = {"set"}
    await authorization.token(server, spent(token))
    found = await record_in(cache.inner)
    assert found is not None
    assert found.refresh_token == "login-1"


async def test_who_wrote_since_goes_before_what_could_not_be_written(server: Server) -> None:
    """It is newer than both."""
    cache = Stubborn()
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    cache.failing = {"set"}
    token = await authorization.token(server, spent(token))
    record = StoredLogin(Token("theirs", 3600), "theirs", ISSUER)
    await cache.inner.set(KEY, write_stored_login(record), None)
    assert (await authorization.token(server, spent(token))).access_token == "theirs"


@pytest.mark.rule("R045")
async def test_a_refused_token_that_cannot_be_removed_is_not_sent_again(server: Server) -> None:
    """The cache holds it still; the login that follows is used from memory."""
    cache, grant = Stubborn(), SignInGrant()
    authorization = Login(grant, cache=cache, key=KEY)
    token = await authorization.token(server, None)
    cache.failing = {"delete", "set"}
    server.error = GONE
    token = await authorization.token(server, spent(token))
    server.error = None
    await authorization.token(server, spent(token))
    assert server.sent == ["login-1", "login-2"]


@pytest.mark.rule("R080")
@pytest.mark.parametrize("failing", ["get", "lock"])
async def test_what_cannot_be_read_or_locked_is_an_error(server: Server, failing: str) -> None:
    """Without the lock a refresh token may be sent twice; once it can be had, nothing is lost."""
    cache = Stubborn()
    authorization = Login(SignInGrant(), cache=cache, key=KEY)
    token = await authorization.token(server, None)
    cache.failing = {failing}
    with pytest.raises(CacheError, match="the disk is full"):
        await authorization.token(server, spent(token))
    cache.failing = set()
    await authorization.token(server, spent(token))
    assert server.sent == ["login-1"]


async def test_a_token_that_no_cache_may_hold_is_used_all_the_same(server: Server) -> None:
    """A grant of the user's own may give any."""

    class Odd(SignInGrant):
        """Gives one that no header may carry."""

        async def request_token(self, endpoint: AuthorizationServer) -> Token:
            return Token("two words", 3600)

    token = await Login(Odd(), cache=MemoryCache(), key=KEY).token(server, None)
    assert token.access_token == "two words"


# Logging out


@pytest.mark.rule("R083")
async def test_who_asks_before_the_cache_is_emptied_does_not_get_what_was_in_it(
    server: Server,
) -> None:
    """It is emptied by who has its lock first, and all of it is to be revoked."""
    cache, grant = MemoryCache(), SignInGrant()
    authorization = Login(grant, cache=cache, key=KEY)
    await Login(grant, cache=cache, key=KEY).token(server, None)
    left = authorization.start_logout()
    assert (await authorization.token(server, None)).access_token == "access-of-login-2"
    await authorization.finish_logout(server, left)
    assert left.with_hints() == [("login-1", "refresh_token"), ("access-of-login-1", "access_token")]
    assert await record_in(cache) is not None


@pytest.mark.rule("R083")
async def test_who_waited_when_somebody_logged_out_sends_nothing(server: Server) -> None:
    """Whatever refresh token there is by then."""
    authorization = Login(SignInGrant())
    token = await authorization.token(server, None)
    server.gate.clear()
    tasks = [asyncio.create_task(authorization.token(server, spent(token))) for _ in range(2)]
    await server.reached.wait()
    left = authorization.start_logout()
    server.gate.set()
    for task in tasks:
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await task
    assert server.sent == ["login-1"]
    assert left.with_hints() == [
        ("login-1", "refresh_token"),
        ("refresh-1", "refresh_token"),
        ("access-of-login-1", "access_token"),
        ("access-1", "access_token"),
    ]


@pytest.mark.rule("R083")
@pytest.mark.parametrize("grant", [SignInGrant(), Given()])
async def test_a_logout_before_a_refresh_has_left_sends_nothing_in_its_place(
    server: Server, grant: Grant
) -> None:
    """Neither is somebody asked to log in, whom the logout would wait for, nor is a token spent."""
    authorization = Login(grant)
    token = await authorization.token(server, None)
    logins, sent = grant.logins if isinstance(grant, SignInGrant) else 0, list(server.sent)
    asking = asyncio.create_task(authorization.token(server, spent(token)))
    await asyncio.sleep(0)
    left = authorization.start_logout()
    await authorization.finish_logout(server, left)
    with pytest.raises(TokenError, match="logged out meanwhile"):
        await asking
    assert server.sent == sent
    assert not isinstance(grant, SignInGrant) or grant.logins == logins


@pytest.mark.rule("R040", "R083")
async def test_nobody_finds_a_refresh_token_in_the_cache_that_a_logout_saw_spent(
    server: Server,
) -> None:
    """Who waits for the lock has it before the one that logs out, and would send it again."""
    cache = MemoryCache()
    one, other = (Login(SignInGrant(), cache=cache, key=KEY) for _ in range(2))
    token = await one.token(server, None)
    server.gate.clear()
    asking = [asyncio.create_task(each.token(server, spent(token))) for each in (one, other)]
    await server.reached.wait()
    left = one.start_logout()
    leaving = asyncio.create_task(one.finish_logout(server, left))
    await turn()
    server.gate.set()
    with pytest.raises(TokenError, match="logged out meanwhile"):
        await asking[0]
    assert (await asking[1]).access_token == "access-of-login-1"
    await leaving
    assert server.sent == ["login-1"]
    assert ("refresh-1", "refresh_token") in left.with_hints()


@pytest.mark.rule("R083")
async def test_a_token_that_is_told_of_at_a_logout_is_not_given(
    server: Server, cache: TokenCache | None
) -> None:
    """It was kept, and is to be revoked."""
    telling, told = asyncio.Event(), asyncio.Event()

    async def tell(_: Token) -> None:
        telling.set()
        await told.wait()

    authorization = Login(SignInGrant(), cache=cache, key=KEY, on_token=tell)
    task = asyncio.create_task(authorization.token(server, None))
    await telling.wait()
    left = authorization.start_logout()
    told.set()
    with pytest.raises(TokenError, match="logged out meanwhile"):
        await task
    await authorization.finish_logout(server, left)
    assert left.with_hints() == [("login-1", "refresh_token"), ("access-of-login-1", "access_token")]
    assert cache is None or await cache.get(KEY) is None


async def test_a_grant_that_cannot_begin_again_needs_a_login_after_a_logout(
    server: Server,
) -> None:
    """One of a user's own has nothing more to revoke than what came."""
    unused = Login(Given())
    left = unused.start_logout()
    await unused.finish_logout(server, left)
    assert left.with_hints() == []
    authorization = Login(Given())
    await authorization.token(server, None)
    left = authorization.start_logout()
    await authorization.finish_logout(server, left)
    assert left.with_hints() == [("refresh-1", "refresh_token"), ("access-1", "access_token")]
    again = authorization.start_logout()
    await authorization.finish_logout(server, again)
    assert again.with_hints() == []
    with pytest.raises(LoginRequiredError):
        await authorization.token(server, None)
    assert server.sent == ["given"]


# Telling


@pytest.mark.parametrize("is_plain", [True, False])
async def test_each_new_token_is_told_before_its_caller_has_it(
    server: Server, *, is_plain: bool
) -> None:
    """By a coroutine function or a plain one; what a cache held is not new."""
    told: list[str] = []

    def plain(token: Token) -> None:
        told.append(token.access_token)

    async def waiting(token: Token) -> None:
        await asyncio.sleep(0.01)
        plain(token)

    cache = MemoryCache()
    authorization = Login(
        SignInGrant(), cache=cache, key=KEY, on_token=plain if is_plain else waiting
    )
    first = await authorization.token(server, None)
    assert told == [first.access_token]
    await authorization.token(server, None)
    second = await authorization.token(server, spent(first))
    assert told == [first.access_token, second.access_token]


async def test_a_token_is_used_though_telling_of_it_failed(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """That is logged, without what the error says."""
    caplog.set_level(logging.WARNING, "aioalf")

    def fail(token: Token) -> None:
        raise ValueError(token.access_token)

    authorization = Login(SignInGrant(), on_token=fail)
    token = await authorization.token(server, None)
    await authorization.token(server, spent(token))
    assert server.sent == ["login-1"]
    assert "on_token" in caplog.text
    assert "ValueError" in caplog.text
    assert token.access_token not in caplog.text


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_who_is_told_and_does_not_end_is_not_waited_for(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    is_cancelled: bool,
) -> None:
    """As one that uses the client, and so waits for itself; who is cancelled comes away, too."""
    monkeypatch.setattr("aioalf._callbacks.ON_TOKEN_TIMEOUT", 0.01)
    told = asyncio.Event()

    async def hang(token: Token) -> None:
        told.set()
        await asyncio.Event().wait()

    authorization = Login(SignInGrant(), on_token=hang)
    task = asyncio.create_task(authorization.token(server, None))
    await told.wait()
    if is_cancelled:
        task.cancel()
        await cancelled(task)
    else:
        assert (await task).access_token == "access-of-login-1"
    assert "on_token took longer than 0.01 seconds" in caplog.text


# Whose it is


def test_a_key_tells_what_is_asked_for_and_by_whom() -> None:
    """An order or a repetition makes no other one."""
    endpoint = Server()
    grant = AuthorizationCode()
    asked = [
        TokenRequestParams("a b"),
        TokenRequestParams("b a"),
        TokenRequestParams("a"),
        TokenRequestParams("a b", "https://a.example"),
    ]
    keys = [
        cache_key_for(grant, Server(asked=each), "https://auth.example.com/token") for each in asked
    ]
    keys += [
        cache_key_for(grant, endpoint, None),
        cache_key_for(ClientCredentials(), endpoint, None),
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(keys) - 1


def test_a_token_for_somebody_who_is_not_in_the_key_is_not_cached() -> None:
    """Two people would have one entry."""
    with pytest.raises(TokenConfigurationError, match="cannot be used with refresh_token"):
        cache_key_for(RefreshToken("abc"), Server(), None)


def test_a_loop_that_was_abandoned_locks_nobody_out() -> None:
    """One program may run one loop after another, also with a request in the air."""
    authorization = Login(SignInGrant())

    async def abandon() -> None:
        server = Server()
        token = await authorization.token(server, None)
        server.gate.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                task = asyncio.create_task(authorization.token(server, spent(token)))
                await asyncio.wait({task})

    async def go_on() -> Token:
        return await authorization.token(Server(), None)

    asyncio.run(abandon())
    assert asyncio.run(go_on()).is_valid()


@pytest.mark.rule("R081", "R157")
def test_a_key_names_the_subject_and_shows_nothing_of_it() -> None:
    """Each part of whom a token is for makes another key; a grant of yours may say it, too."""

    class Account(SignInGrant):
        """For one account."""

        name = "urn:example:account"

        def __init__(self, subject_key: str | None) -> None:
            super().__init__()
            self.subject_key = subject_key

    exchanges = [
        TokenExchange("a", "urn:a"),
        TokenExchange("b", "urn:a"),
        TokenExchange("a", "urn:b"),
        TokenExchange("a", "urn:a", requested_token_type="urn:a"),
        TokenExchange("a", "urn:a", actor_token="b", actor_token_type="urn:a"),
        TokenExchange("a", "urn:a", actor_token="c", actor_token_type="urn:a"),
    ]
    grants: list[Grant] = [*exchanges, Account("one"), Account("two")]
    keys = [cache_key_for(grant, Server(), None) for grant in grants]
    assert len(set(keys)) == len(keys)
    assert keys[0] == cache_key_for(TokenExchange("a", "urn:a"), Server(), None)
    assert exchanges[0].subject_key not in {"a", None}
    with pytest.raises(TokenConfigurationError, match="cannot be used with urn:example:account"):
        cache_key_for(Account(None), Server(), None)
