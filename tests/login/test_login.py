"""Tests of `Login`: a refresh token is sent once, whatever is cancelled, closed or fails."""

import asyncio
import logging
import random
from pathlib import Path

import pytest

from aioalf._auth_server.request_params import AmendResponse, Form
from aioalf._login.login import Login
from aioalf.caches import FileCache, MemoryCache, TokenCache
from aioalf.errors import (
    LoginRequiredError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import AuthorizationServer
from aioalf.token import Token
from tests.login.scripted import (
    INVALID_GRANT,
    KEY,
    GivenTokenGrant,
    ScriptedServer,
    SignInGrant,
    run_ready_tasks,
    stored_in,
    unusable_response,
    wait_cancelled,
)


@pytest.mark.rule("R040", "R047")
async def test_refresh_token_is_sent_once_and_replaced(
    server: ScriptedServer, cache: TokenCache | None
) -> None:
    """Each response brings the next refresh token, and no new sign-in is needed."""
    grant = SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    for _ in range(3):
        token = await login.token(server, token.access_token)
    assert server.sent == ["login-1", "refresh-1", "refresh-2"]
    assert grant.logins == 1


@pytest.mark.rule("R041", "R047")
async def test_refresh_token_without_rotation_is_kept(
    server: ScriptedServer, cache: TokenCache | None
) -> None:
    """A server that does not rotate refresh tokens sends none in its responses."""
    server.rotates = False
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    for _ in range(2):
        token = await login.token(server, token.access_token)
    assert server.sent == ["login-1", "login-1"]


@pytest.mark.rule("R041", "R047")
async def test_refresh_token_without_rotation_is_kept_if_the_entry_is_deleted_meanwhile(
    server: ScriptedServer,
) -> None:
    """The response says that it is still valid. Another fetch may have read the empty entry."""
    server.rotates = False
    cache, grant = MemoryCache(), SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    server.gate.clear()
    refreshing = asyncio.create_task(login.token(server, token.access_token))
    await server.reached.wait()
    await cache.delete(KEY)
    reading = asyncio.create_task(login.token(server, None))
    await run_ready_tasks()
    assert not reading.done()
    server.gate.set()
    assert (await refreshing).access_token == (await reading).access_token == "access-1"
    stored = await stored_in(cache)
    assert stored is not None
    assert (stored.refresh_token, grant.logins) == ("login-1", 1)


@pytest.mark.rule("R011")
async def test_refresh_token_of_a_grant_that_does_not_use_them_is_ignored(
    server: ScriptedServer,
) -> None:
    """The client credentials grant can request another token at any time."""

    class Service(SignInGrant):
        """A grant like client credentials."""

        keeps_refresh_token = False

    cache, grant = MemoryCache(), Service()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    await login.token(server, token.access_token)
    assert (server.sent, grant.logins) == ([], 2)
    stored = await stored_in(cache)
    assert stored is not None
    assert stored.refresh_token is None


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
async def test_failed_refresh_keeps_the_refresh_token(
    server: ScriptedServer, cache: TokenCache | None, error: TokenError
) -> None:
    """The next attempt sends it again and succeeds."""
    grant = SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    server.error = error
    with pytest.raises(type(error)):
        await login.token(server, token.access_token)
    server.error = None
    login.forget_failure()
    await login.token(server, token.access_token)
    assert server.sent == ["login-1", "login-1"]
    assert grant.logins == 1


@pytest.mark.rule("R040")
async def test_refresh_token_of_an_unusable_response_is_stored(
    server: ScriptedServer, cache: TokenCache | None
) -> None:
    """The old one is not sent again, not even by another login with the same cache."""
    grant = SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    server.error = unusable_response("newer")
    with pytest.raises(TokenResponseError, match="less scope"):
        await login.token(server, token.access_token)
    server.error = None
    other = login if cache is None else Login(grant, cache=cache, key=KEY)
    await other.token(server, token.access_token)
    assert (server.sent, grant.logins) == (["login-1", "newer"], 1)


@pytest.mark.rule("R040")
async def test_given_refresh_token_is_replaced_by_an_unusable_response(
    server: ScriptedServer,
) -> None:
    """It is not sent again, and `on_token` gets the new one."""
    calls: list[tuple[str, str | None]] = []

    def keep(token: Token) -> None:
        calls.append((token.access_token, token.refresh_token))

    login = Login(GivenTokenGrant(), on_token=keep)
    server.error = unusable_response("newer")
    with pytest.raises(TokenResponseError, match="less scope"):
        await login.token(server, None)
    server.error = None
    await login.token(server, None)
    assert server.sent == ["given", "newer"]
    assert calls == [("", "newer"), ("access-2", "refresh-2")]


@pytest.mark.rule("R045")
@pytest.mark.parametrize(
    "error", [INVALID_GRANT, TokenResponseError("no", 200, error="invalid_grant")]
)
async def test_refused_refresh_token_starts_one_new_sign_in(
    server: ScriptedServer, cache: TokenCache | None, error: TokenError
) -> None:
    """Even if the server refuses with status 200, the refused refresh token is never sent again."""
    grant = SignInGrant()
    login = Login(grant, cache=cache, key=KEY)
    token = await login.token(server, None)
    server.error = error
    token = await login.token(server, token.access_token)
    assert (token.access_token, grant.logins) == ("access-of-login-2", 2)
    server.error = None
    await login.token(server, token.access_token)
    assert server.sent == ["login-1", "login-2"]


@pytest.mark.rule("R045")
@pytest.mark.parametrize("after", [0, 1])
async def test_refused_refresh_token_without_sign_in_requires_a_login(
    server: ScriptedServer, after: int
) -> None:
    """Neither the given refresh token nor one that replaced it is sent again after the refusal."""
    login = Login(GivenTokenGrant())
    if after:
        await login.token(server, None)
    server.error = INVALID_GRANT
    with pytest.raises(LoginRequiredError, match="sign in again") as caught:
        await login.token(server, None)
    assert caught.value.__cause__ is INVALID_GRANT
    for _ in range(3):
        with pytest.raises(LoginRequiredError):
            await login.token(server, None)
    assert server.sent == ["given", "refresh-1"][: 1 + after]


async def test_given_refresh_token_is_kept_after_a_transient_error(server: ScriptedServer) -> None:
    """It is sent again, and also while the server does not replace it."""
    server.rotates = False
    login = Login(GivenTokenGrant())
    server.error = TokenHTTPError("busy", 503)
    with pytest.raises(TokenHTTPError):
        await login.token(server, None)
    server.error = None
    for _ in range(2):
        await login.token(server, None)
    assert server.sent == ["given"] * 3


@pytest.mark.rule("R044")
@pytest.mark.parametrize("times", [1, 3])
async def test_response_is_stored_if_the_caller_is_cancelled(
    server: ScriptedServer, cache: TokenCache | None, times: int
) -> None:
    """The next caller continues with the new refresh token."""
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    server.gate.clear()
    task = asyncio.create_task(login.token(server, token.access_token))
    await server.reached.wait()
    for _ in range(times):
        task.cancel()
        await run_ready_tasks()
    server.gate.set()
    await wait_cancelled(task)
    assert (await login.token(server, token.access_token)).is_valid()
    assert (await login.token(server, "access-1")).is_valid()
    assert server.sent in (["login-1", "refresh-1"], ["login-1", "refresh-1", "refresh-2"])


@pytest.mark.rule("R044")
async def test_response_is_stored_while_the_event_loop_shuts_down(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """The file of a program that is about to end does not keep the old refresh token."""
    cache = FileCache(tmp_path / "cache")
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    server.gate.clear()
    task = asyncio.create_task(login.token(server, token.access_token))
    await server.reached.wait()
    await asyncio.get_running_loop().shutdown_default_executor()
    server.gate.set()
    await task
    found = await stored_in(cache)
    assert found is not None
    assert found.refresh_token == "refresh-1"


@pytest.mark.rule("R044")
async def test_error_after_the_caller_was_cancelled_is_not_logged(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even asyncio logs that the exception was never retrieved."""
    login = Login(SignInGrant())
    token = await login.token(server, None)
    server.gate.clear()
    task = asyncio.create_task(login.token(server, token.access_token))
    await server.reached.wait()
    task.cancel()
    server.error = TokenHTTPError("busy", 503)
    server.gate.set()
    await wait_cancelled(task)
    assert not caplog.records


@pytest.mark.rule("R040", "R044")
async def test_cancelling_all_tasks_loses_no_refresh(
    server: ScriptedServer, cache: TokenCache | None
) -> None:
    """`asyncio.run` cancels all tasks at its end; the caller ends when the token is stored."""
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    server.gate.clear()
    server.reached.clear()
    before = asyncio.all_tasks()
    task = asyncio.create_task(login.token(server, token.access_token))
    await server.reached.wait()
    for each in asyncio.all_tasks() - before:
        each.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    server.gate.set()
    await wait_cancelled(task)
    renewed = await login.token(server, token.access_token)
    assert renewed.access_token != token.access_token
    assert len(server.sent) == len(set(server.sent))


@pytest.mark.rule("R040", "R043", "R044")
async def test_cancelled_refresh_holds_the_lock_until_it_is_stored(
    server: ScriptedServer, cache: TokenCache | None
) -> None:
    """The next caller finds the new refresh token, so none is sent twice."""
    login = Login(SignInGrant(), cache=cache, key=KEY)
    token = await login.token(server, None)
    server.gate.clear()
    first = asyncio.create_task(login.token(server, token.access_token))
    await server.reached.wait()
    first.cancel()
    other = login if cache is None else Login(SignInGrant(), cache=cache, key=KEY)
    second = asyncio.create_task(other.token(server, token.access_token))
    await asyncio.sleep(0.05)  # a file lock is polled
    server.gate.set()
    await wait_cancelled(first)
    assert (await second).is_valid()
    assert len(set(server.sent)) == len(server.sent)


@pytest.mark.rule("R040", "R043", "R044")
@pytest.mark.parametrize("is_cached", [True, False])
@pytest.mark.parametrize("seed", range(25))
async def test_no_refresh_token_is_sent_twice_by_cancelled_callers(
    seed: int, *, is_cached: bool
) -> None:
    """Random callers of two logins that share a cache are cancelled at random moments."""
    chance = random.Random(seed)  # noqa: S311 - the test must be repeatable
    server, grant = ScriptedServer(), SignInGrant()

    async def request(
        form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        token = await ScriptedServer.request(server, form, is_repeatable=is_repeatable)
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        return token

    endpoint = ScriptedServer()
    endpoint.request = request  # type: ignore[method-assign]
    cache = MemoryCache() if is_cached else None
    clients = [Login(grant, cache=cache, key=KEY) for _ in range(1 + is_cached)]
    token = await clients[0].token(endpoint, None)
    tasks: list[asyncio.Task[Token]] = []
    for _ in range(40):
        match chance.randrange(3):
            case 0:
                client = chance.choice(clients)
                unwanted = chance.choice([token.access_token, f"access-{len(server.forms)}"])
                tasks.append(asyncio.create_task(client.token(endpoint, unwanted)))
            case 1 if tasks:
                chance.choice(tasks).cancel()
            case _:
                await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    await clients[-1].token(endpoint, f"access-{len(server.forms)}")
    assert 0 < len(server.sent) == len(set(server.sent))
    assert grant.logins == 1


@pytest.mark.rule("R043", "R079")
async def test_logins_with_one_cache_make_one_refresh(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """The login that waited for the lock uses the token that the other one has stored."""
    for cache in (MemoryCache(), FileCache(tmp_path / "cache")):
        server.forms.clear()
        one, two = (Login(SignInGrant(), cache=cache, key=KEY) for _ in range(2))
        token = await one.token(server, None)
        found = await asyncio.gather(
            *(login.token(server, token.access_token) for login in (one, two))
        )
        assert found[0].access_token == found[1].access_token == "access-1"
        assert server.sent == ["login-1"]


async def test_cancelled_sign_in_releases_the_lock(server: ScriptedServer) -> None:
    """A user may never finish the sign-in; the next caller starts another one."""

    class AbsentUser(SignInGrant):
        """The first sign-in never ends."""

        async def request_token(self, server: AuthorizationServer) -> Token:
            if not self.logins:
                self.logins += 1
                await asyncio.Event().wait()
            return await super().request_token(server)

    login = Login(AbsentUser(), cache=MemoryCache(), key=KEY)
    task = asyncio.create_task(login.token(server, None))
    await run_ready_tasks()
    task.cancel()
    await wait_cancelled(task)
    assert (await login.token(server, None)).access_token == "access-of-login-2"


def test_lock_of_a_stopped_event_loop_is_released() -> None:
    """A program may use one event loop after another, even with a request in flight."""
    login, server, first = Login(SignInGrant()), ScriptedServer(), asyncio.Runner()

    async def stop_during_a_refresh() -> None:
        token = await login.token(server, None)
        server.gate.clear()
        server.reached.clear()
        tasks.append(asyncio.create_task(login.token(server, token.access_token)))
        await server.reached.wait()

    async def continue_() -> Token:
        return await login.token(ScriptedServer(), None)

    tasks: list[asyncio.Task[Token]] = []
    first.run(stop_during_a_refresh())
    assert asyncio.run(continue_()).is_valid()
    server.gate.set()
    first.close()
    assert tasks[0].cancelled()


# on_token


@pytest.mark.parametrize("is_plain", [True, False])
async def test_on_token_is_called_before_the_caller_gets_the_token(
    server: ScriptedServer, *, is_plain: bool
) -> None:
    """`on_token` may be a coroutine function or a plain one; a cached token is not new."""
    calls: list[str] = []

    def plain(token: Token) -> None:
        calls.append(token.access_token)

    async def waiting(token: Token) -> None:
        await asyncio.sleep(0.01)
        plain(token)

    cache = MemoryCache()
    login = Login(SignInGrant(), cache=cache, key=KEY, on_token=plain if is_plain else waiting)
    first = await login.token(server, None)
    assert calls == [first.access_token]
    await login.token(server, None)
    second = await login.token(server, first.access_token)
    assert calls == [first.access_token, second.access_token]


async def test_error_of_on_token_is_logged_without_its_text(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The token is used anyway."""
    caplog.set_level(logging.WARNING, "aioalf")

    def fail(token: Token) -> None:
        raise ValueError(token.access_token)

    login = Login(SignInGrant(), on_token=fail)
    token = await login.token(server, None)
    await login.token(server, token.access_token)
    assert server.sent == ["login-1"]
    assert "on_token" in caplog.text
    assert "ValueError" in caplog.text
    assert token.access_token not in caplog.text


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_on_token_has_a_time_limit(
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    is_cancelled: bool,
) -> None:
    """A function that uses the client would wait for itself. A cancelled caller returns, too."""
    monkeypatch.setattr("aioalf._callbacks.ON_TOKEN_TIMEOUT", 0.01)
    started = asyncio.Event()

    async def hang(token: Token) -> None:
        started.set()
        await asyncio.Event().wait()

    login = Login(SignInGrant(), on_token=hang)
    task = asyncio.create_task(login.token(server, None))
    await started.wait()
    if is_cancelled:
        task.cancel()
        await wait_cancelled(task)
    else:
        assert (await task).access_token == "access-of-login-1"
    assert "on_token took longer than 0.01 seconds" in caplog.text
