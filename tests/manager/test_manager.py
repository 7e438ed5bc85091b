"""`TokenManager`: one valid token for many callers, failures, event loops and hooks."""

import asyncio
import json
import pickle
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

from aioalf.caches import MemoryCache
from aioalf.client_auth import ClientSecretBasic, Credentials, MutableForm
from aioalf.errors import (
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import AuthorizationServer, ClientCredentials, Grant, RefreshToken
from aioalf.manager import TokenManager
from aioalf.renewal import Renewal
from aioalf.retry import Retry
from aioalf.testing import MISSING, Fault, OAuthServer
from aioalf.token import Token
from tests.support.clocks import Clock
from tests.support.raw_server import RawServer, answer

ENDPOINT = "https://auth.example.com/token"


def manager_of(server: OAuthServer, **options: Any) -> TokenManager:
    """Return a manager for the server's client, without retries and without backoff."""
    options = {"retry": Retry(attempts=1), "renewal": Renewal(failure_backoff=0), **options}
    return TokenManager(server.token_endpoint, server.client_id, server.client_secret, **options)


class BlockingGrant(Grant):
    """A grant whose requests wait for `release`, then return token-1, token-2, or an error."""

    def __init__(self, *, is_released: bool = False) -> None:
        self.requests = 0
        self.error: Exception | None = None
        self.lifetime: float | None = 3600
        self._released = asyncio.Event()
        self._is_waiting = asyncio.Event()
        if is_released:
            self.release()

    def release(self) -> None:
        """Let all requests continue."""
        self._released.set()

    def hold(self) -> None:
        """Let the next requests wait for `release` again."""
        self._released.clear()
        self._is_waiting.clear()

    async def wait_for_request(self) -> None:
        """Wait until a request waits for `release`, and all other tasks wait too."""
        await self._is_waiting.wait()
        await run_ready_tasks()

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return the next token after `release`."""
        self.requests += 1
        number = self.requests
        self._is_waiting.set()
        await self._released.wait()
        if self.error is not None:
            raise self.error
        return Token(f"token-{number}", self.lifetime)


async def run_ready_tasks() -> None:
    """Run the event loop until all tasks wait."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def grant() -> BlockingGrant:
    """A grant that was not released yet."""
    return BlockingGrant()


@pytest.fixture
def manager(grant: BlockingGrant) -> TokenManager:
    """A manager that uses `grant`, without backoff."""
    return TokenManager(ENDPOINT, "id", "secret", grant=grant, renewal=Renewal(failure_backoff=0))


async def waiting_callers(
    manager: TokenManager, grant: BlockingGrant, count: int
) -> list[asyncio.Task[str]]:
    """Start this many callers of ``get_token``, and return them when they wait."""
    tasks = [asyncio.create_task(manager.get_token()) for _ in range(count)]
    await grant.wait_for_request()
    return tasks


# One token for many callers


@pytest.mark.rule("R070")
async def test_thousand_callers_make_one_token_request(oauth_server: OAuthServer) -> None:
    """All concurrent callers and later ones get the same token."""
    manager = manager_of(oauth_server)
    tokens = await asyncio.gather(*(manager.get_token() for _ in range(1000)))
    assert len({id(token) for token in tokens}) == 1
    assert await manager.get_token() is tokens[0]
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R025")
async def test_token_is_used_until_it_expires(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without renewal ahead of expiry, a token is replaced exactly when it expires."""
    clock = Clock(monkeypatch)
    manager = manager_of(oauth_server, renewal=Renewal(before_expiry=0))
    first = await manager.get_token()
    clock.advance(3599)
    assert await manager.get_token() == first
    clock.advance(1)
    assert manager.cached_token() is None
    assert await manager.get_token() != first
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R023")
@pytest.mark.parametrize("expires_in", [MISSING, None])
async def test_token_without_expires_in_is_used_until_it_is_rejected(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, expires_in: Any
) -> None:
    """Such a token never expires, and is renewed after an API rejected it."""
    clock = Clock(monkeypatch)
    oauth_server.expires_in = expires_in
    manager = manager_of(oauth_server)
    first = await manager.get_token()
    clock.advance(100 * 365 * 86_400)
    assert await manager.get_token() == first
    assert await manager.renew_token(first) != first
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R023")
async def test_default_expires_in_replaces_a_missing_expires_in(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token without ``expires_in`` expires after ``default_expires_in`` seconds."""
    clock = Clock(monkeypatch)
    oauth_server.expires_in = MISSING
    manager = manager_of(oauth_server, default_expires_in=60)
    first = await manager.get_token()
    clock.advance(60)
    assert await manager.get_token() != first


@pytest.mark.rule("R024")
@pytest.mark.parametrize("expires_in", [0, "0", 0.5])
async def test_token_that_expires_at_once_is_returned_to_waiting_callers(
    oauth_server: OAuthServer, expires_in: Any
) -> None:
    """All callers that wait get the token; later callers request another one."""
    oauth_server.expires_in = expires_in
    manager = manager_of(oauth_server)
    tokens = await asyncio.gather(*(manager.get_token() for _ in range(10)))
    assert len(set(tokens)) == 1
    assert manager.cached_token() is None
    assert await manager.get_token() != tokens[0]
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R024")
@pytest.mark.parametrize("expires_in", ["3600", 3600.5, 1e12])
async def test_token_with_an_unusual_expires_in_is_cached(
    oauth_server: OAuthServer, expires_in: Any
) -> None:
    """Strings of digits, fractions and very large numbers are accepted."""
    oauth_server.expires_in = expires_in
    manager = manager_of(oauth_server)
    assert await manager.get_token() == await manager.get_token()
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R016", "R073")
async def test_managers_with_different_scopes_share_no_token(
    oauth_server: OAuthServer,
) -> None:
    """Each manager requests its own scope and keeps its own token."""
    managers = [manager_of(oauth_server, scope=scope) for scope in (None, "read", ["write", "a"])]
    tokens = await asyncio.gather(*(manager.get_token() for manager in managers))
    assert [manager.cached_token() for manager in managers] == tokens
    assert len(set(tokens)) == 3
    scopes = sorted(seen.form.get("scope", "none") for seen in oauth_server.log)
    assert scopes == ["none", "read", "write a"]


@pytest.mark.rule("R011")
async def test_client_credentials_renewal_repeats_the_first_request(
    oauth_server: OAuthServer,
) -> None:
    """A refresh token in the response is ignored."""
    granted = {"access_token": "a", "refresh_token": "r", "expires_in": 0}
    oauth_server.token_fault = Fault.wrong_json(granted)
    manager = manager_of(oauth_server)
    for _ in range(2):
        await manager.get_token()
    forms = [dict(seen.form) for seen in oauth_server.log]
    assert forms == [{"grant_type": "client_credentials"}] * 2


# Failures


FAULTS: dict[str, tuple[Fault, type[TokenError]]] = {
    "400": (Fault.body(b'{"error": "invalid_scope"}', status=400), TokenHTTPError),
    "401": (Fault.status(401), TokenHTTPError),
    "500": (Fault.html(status=500), TokenHTTPError),
    "redirect": (Fault.redirect("/elsewhere"), TokenHTTPError),
    "HTML": (Fault.html(), TokenResponseError),
    "error in a 200": (Fault.wrong_json({"error": "invalid_scope"}), TokenResponseError),
    "truncated": (Fault.truncated(), TokenResponseError),
    "unsupported token_type": (
        Fault.wrong_json({"access_token": "a", "token_type": "mac"}),
        TokenResponseError,
    ),
    "hang up": (Fault.hang_up(), TokenError),
    "hang up after 9 bytes": (Fault.hang_up(after=9), TokenError),
}


@pytest.mark.rule("R014", "R020", "R021", "R030", "R031", "R072", "R082")
@pytest.mark.parametrize(("fault", "kind"), FAULTS.values(), ids=FAULTS.keys())
async def test_failure_is_shared_and_not_cached(
    oauth_server: OAuthServer, fault: Fault, kind: type[TokenError]
) -> None:
    """All waiting callers get the error of one request, and the next caller gets a token."""
    oauth_server.token_fault = fault.times(1)
    manager = manager_of(oauth_server)
    errors = await asyncio.gather(*(manager.get_token() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(error, kind) for error in errors)
    assert len({str(error) for error in errors}) == 1
    assert oauth_server.token_requests == 1
    assert manager.cached_token() is None
    assert await manager.get_token()
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R072")
async def test_each_waiting_caller_can_read_the_error_response(oauth_server: OAuthServer) -> None:
    """A caller that releases its response does not affect the others."""
    oauth_server.token_fault = Fault.status(503, "busy")
    manager = manager_of(oauth_server)
    errors = await asyncio.gather(*(manager.get_token() for _ in range(3)), return_exceptions=True)
    for error in errors:
        assert isinstance(error, TokenHTTPError)
        assert error.response is not None
        async with error.response as response:
            assert await response.text() == "busy"


def traceback_length(error: BaseException) -> int:
    """Return the number of frames in the traceback."""
    count, traceback = 0, error.__traceback__
    while traceback is not None:
        count, traceback = count + 1, traceback.tb_next
    return count


@pytest.mark.rule("R072")
async def test_each_waiting_caller_gets_its_own_copy_of_the_error(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """The tracebacks of a hundred copies are all equally long."""
    grant.error = TokenHTTPError("no", 400)
    tasks = await waiting_callers(manager, grant, 100)
    grant.release()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, TokenHTTPError) for error in errors)
    assert len({id(error) for error in errors}) == 100
    assert (
        len({traceback_length(error) for error in errors if isinstance(error, TokenHTTPError)}) == 1
    )


@pytest.mark.rule("R010")
@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ((ENDPOINT, None, "secret"), "client_id"),
        ((ENDPOINT, "", "secret"), "client_id"),
        ((ENDPOINT, "id", None), "client_secret"),
    ],
)
async def test_missing_setting_is_reported_on_first_use(
    arguments: tuple[Any, Any, Any], missing: str
) -> None:
    """A manager can be created before its configuration is complete."""
    manager = TokenManager(*arguments)
    with pytest.raises(TokenConfigurationError, match=f"Missing.*{missing}"):
        await manager.get_token()


@pytest.mark.parametrize("token_endpoint", [None, "", URL()])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"issuer": None, "endpoints": {}},
        {"grant": RefreshToken("theirs"), "cache": MemoryCache()},
    ],
    ids=["no option", "empty options", "grant and cache"],
)
def test_manager_without_a_server_is_refused(
    token_endpoint: str | URL | None, options: dict[str, Any]
) -> None:
    """No grant can request a token then, and the error says what to pass."""
    with pytest.raises(TokenConfigurationError, match="Missing token endpoint: pass"):
        TokenManager(token_endpoint, "id", "secret", **options)


class ManagerWithoutServer(TokenManager):
    """A subclass that may have tokens of its own."""


async def test_subclass_without_a_server_is_reported_on_first_use() -> None:
    """It may set the endpoint later, and the error says what is missing."""
    grant = RefreshToken("theirs")
    manager = ManagerWithoutServer(None, "id", "", grant=grant, cache=MemoryCache())
    with pytest.raises(TokenConfigurationError, match="Missing token endpoint"):
        await manager.get_token()


@pytest.mark.rule("R003")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"token_endpoint": "https://a.example/token#x"}, "fragment"),
        ({"token_endpoint": "a.example/token"}, "absolute"),
        ({"scope": 5}, "scope must be"),
        ({"default_expires_in": -1}, "default_expires_in must be"),
        ({"default_expires_in": "soon"}, "default_expires_in must be .*, not str$"),
        ({"http_options": {"data": "x"}}, "data cannot be set"),
        ({"grant": ClientCredentials}, "grant must be an object, not a class"),
        ({"client_auth": ClientSecretBasic}, "client_auth must be an object, not a class"),
        ({"grant": "client_credentials"}, "grant must be a grant such as ClientCred.*, not str"),
        ({"client_auth": "post"}, "client_auth must be a client .* ClientSecretPost.*, not str"),
        ({"renewal": Renewal}, "renewal must be an object, not a class"),
        ({"retry": Retry}, "retry must be an object, not a class"),
        ({"renewal": Retry()}, "renewal must be a Renewal"),
        ({"retry": 5}, "retry must be a Retry"),
    ],
    ids=str,
)
def test_invalid_option_is_rejected_by_the_constructor(
    options: dict[str, Any], problem: str
) -> None:
    """The error names the option that is wrong."""
    arguments: dict[str, Any] = {
        "token_endpoint": ENDPOINT,
        "client_id": "id",
        "client_secret": "secret",
        **options,
    }
    with pytest.raises(TokenConfigurationError, match=problem):
        TokenManager(**arguments)


def test_unknown_option_is_a_type_error() -> None:
    """A keyword argument that does not exist raises, as in every Python function."""
    options: dict[str, Any] = {"default_lifetime": 60}
    with pytest.raises(TypeError, match="unexpected keyword argument 'default_lifetime'"):
        TokenManager(ENDPOINT, "id", "secret", **options)


# Cancelled callers


@pytest.mark.rule("R071")
@pytest.mark.parametrize("leaving", [[0], [1], [0, 1]])
async def test_cancelled_caller_does_not_affect_the_others(
    manager: TokenManager, grant: BlockingGrant, leaving: list[int]
) -> None:
    """The other callers get the token of the one request, whichever caller is cancelled."""
    tasks = await waiting_callers(manager, grant, 3)
    for index in leaving:
        tasks[index].cancel()
    await run_ready_tasks()
    grant.release()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [index for index, result in enumerate(results) if result != "token-1"] == leaving
    assert grant.requests == 1


@pytest.mark.rule("R044", "R071")
async def test_token_is_cached_if_all_callers_were_cancelled(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """The token request continues, and the next caller gets its token."""
    tasks = await waiting_callers(manager, grant, 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    grant.release()
    await run_ready_tasks()
    assert manager.cached_token() == "token-1"
    assert grant.requests == 1


@pytest.mark.rule("R071")
async def test_timeout_of_a_caller_does_not_affect_the_others(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """Only the caller with the timeout gets a TimeoutError."""
    (other,) = await waiting_callers(manager, grant, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await manager.get_token()
    grant.release()
    assert await other == "token-1"


# Rejection, reset and close


@pytest.mark.rule("R060")
async def test_many_rejections_of_one_token_make_one_request(
    oauth_server: OAuthServer,
) -> None:
    """All callers whose token was rejected get the same new token."""
    manager = manager_of(oauth_server)
    rejected = await manager.get_token()
    renewed = await asyncio.gather(*(manager.renew_token(rejected) for _ in range(100)))
    assert set(renewed) == {manager.cached_token()}
    assert rejected not in renewed
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R060")
async def test_rejection_of_an_older_token_makes_no_request(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """A caller whose token was already replaced gets the current token."""
    grant.release()
    first = await manager.get_token()
    second = await manager.renew_token(first)
    assert await manager.renew_token(first) == second
    assert await manager.renew_token("never issued") == second
    assert grant.requests == 2


@pytest.mark.rule("R060")
async def test_renewal_joins_the_token_request_in_flight(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """The token of a request in flight is not the one that was rejected."""
    (task,) = await waiting_callers(manager, grant, 1)
    renewal = asyncio.create_task(manager.renew_token("older"))
    await run_ready_tasks()
    grant.release()
    assert await task == await renewal == "token-1"


@pytest.mark.rule("R083")
async def test_reset_makes_the_next_caller_request_a_token(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """After ``reset_token``, no token is cached."""
    grant.release()
    assert await manager.get_token() == "token-1"
    await manager.reset_token()
    assert manager.cached_token() is None
    assert await manager.get_token() == "token-2"


@pytest.mark.rule("R083")
async def test_token_in_the_cache_is_not_used_after_a_reset(
    oauth_server: OAuthServer,
) -> None:
    """The cache still holds the token that ``reset_token`` forgot."""
    endpoint = oauth_server.token_endpoint
    manager = TokenManager(endpoint, "client-id", "secret", cache=MemoryCache())
    first = await manager.get_token()
    await manager.reset_token()
    assert await manager.get_token() != first
    await manager.close()


@pytest.mark.rule("R083")
async def test_reset_without_a_token_keeps_the_request_in_flight(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """Its token is newer than any token that the reset could mean."""
    (early,) = await waiting_callers(manager, grant, 1)
    await manager.reset_token()
    late = asyncio.create_task(manager.get_token())
    await run_ready_tasks()
    grant.release()
    assert [await early, await late] == ["token-1", "token-1"]


@pytest.mark.rule("R070", "R083")
async def test_many_callers_that_reset_and_get_make_one_request(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """Code for 0.4.0 resets the token after each 401 and gets a new one."""
    (first,) = await waiting_callers(manager, grant, 1)
    grant.release()
    assert await first == "token-1"

    async def reset_and_get() -> str:
        await manager.reset_token()
        return await manager.get_token()

    callers = [asyncio.create_task(reset_and_get()) for _ in range(500)]
    await run_ready_tasks()
    grant.release()
    assert set(await asyncio.gather(*callers)) == {"token-2"}


@pytest.mark.rule("R077", "R083")
async def test_close_ends_the_token_request_in_flight(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """Waiting callers get a TokenError, and no task and no token are left."""
    tasks = await waiting_callers(manager, grant, 3)
    await manager.close()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, TokenError) for error in errors)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert manager.cached_token() is None


@pytest.mark.rule("R077")
async def test_close_ends_the_token_requests_of_derived_managers(
    manager: TokenManager, grant: BlockingGrant
) -> None:
    """Closing a derived manager does not end the request of the manager that it is derived from."""
    derived, other = manager.with_options(scope="a"), manager.with_options(scope="b")
    first, second, third = (
        asyncio.create_task(each.get_token()) for each in (manager, derived, other)
    )
    await grant.wait_for_request()
    await derived.close()
    await run_ready_tasks()
    assert (first.done(), second.done(), third.done()) == (False, True, False)
    await manager.close()
    await run_ready_tasks()
    for task in (first, second, third):
        assert task.done()
        assert isinstance(task.exception(), TokenError)


@pytest.mark.rule("R077")
async def test_close_leaves_no_socket_open(oauth_server: OAuthServer) -> None:
    """A token request that hangs is cancelled, and its connection is closed."""
    oauth_server.token_fault = Fault.slow(float("inf"))
    manager = manager_of(oauth_server)
    task = asyncio.create_task(manager.get_token())
    async with asyncio.timeout(10):
        await oauth_server.reached(token_requests=1)
    await manager.close()
    with pytest.raises(TokenError, match="closed"):
        await task


@pytest.mark.rule("R077")
async def test_manager_can_be_used_after_close(
    oauth_server: OAuthServer,
) -> None:
    """Clients may share a manager, and one of them may be closed first."""
    manager = manager_of(oauth_server)
    await manager.close()
    token = await manager.get_token()
    await manager.close()
    assert await manager.get_token() == token


@pytest.mark.rule("R077")
async def test_close_leaves_the_session_of_the_caller_open(oauth_server: OAuthServer) -> None:
    """The manager does not own a session that it got from ``use_session``."""
    async with ClientSession() as session:
        manager = manager_of(oauth_server)
        manager.use_session(session)
        await manager.get_token()
        await manager.close()
        assert not session.closed
        async with session.get(oauth_server.other_url) as response:
            assert response.status == 200


async def test_use_session_without_an_endpoint_does_nothing() -> None:
    """A subclass with its own tokens needs no token endpoint."""
    async with ClientSession() as session:
        ManagerWithoutServer(None, None, None).use_session(session)


@pytest.mark.rule("R060")
async def test_renewal_skips_the_rejected_token_of_a_cache_read_in_flight() -> None:
    """A request that started before the rejection may still find the token in the cache."""

    class SlowCache(MemoryCache):
        """A cache whose reads wait for `can_read`."""

        can_read = asyncio.Event()

        async def get(self, key: str) -> str | None:
            """Wait, then read."""
            await self.can_read.wait()
            return await super().get(key)

    class CachedGrant(BlockingGrant):
        """A blocking grant whose tokens can be cached."""

        @property
        def name(self) -> str:
            return "client_credentials"

        @property
        def subject_key(self) -> str | None:
            return ""

    grant, cache = CachedGrant(is_released=True), SlowCache()
    cache.can_read.set()
    manager = TokenManager(ENDPOINT, "id", "secret", grant=grant, cache=cache)
    grant.lifetime = 0
    assert await manager.get_token() == "token-1"
    grant.lifetime = 3600
    grant.hold()
    first = asyncio.create_task(manager.get_token())
    await grant.wait_for_request()
    await manager.reset_token()  # the second caller does not wait for the request of the first
    second = asyncio.create_task(manager.get_token())
    await run_ready_tasks()
    cache.can_read.clear()
    grant.release()
    rejected = await first
    renewal = asyncio.create_task(manager.renew_token(rejected))
    await run_ready_tasks()
    cache.can_read.set()
    assert await second == rejected == "token-2"
    assert await renewal == "token-3"
    assert grant.requests == 3


async def test_cached_token_is_used_by_managers_that_request_the_same(
    oauth_server: OAuthServer,
) -> None:
    """A manager finds the token of another one in the cache, but not one for another scope."""
    cache = MemoryCache()
    same = [manager_of(oauth_server, cache=cache) for _ in range(2)]
    other = manager_of(oauth_server, cache=cache, scope="things:read")
    first, second, third = [await each.get_token() for each in (*same, other)]
    assert first == second != third
    assert oauth_server.token_requests == 2


# Event loops


@pytest.mark.rule("R078")
def test_manager_can_be_used_in_one_event_loop_after_another() -> None:
    """A manager is created without a loop, and its token is valid in the next loop too."""
    grants: list[BlockingGrant] = []

    class RecordingGrant(Grant):
        async def request_token(self, server: AuthorizationServer) -> Token:
            grants.append(BlockingGrant(is_released=True))
            return await grants[-1].request_token(server)

    manager = TokenManager(ENDPOINT, "id", "secret", grant=RecordingGrant())
    assert asyncio.run(manager.get_token()) == asyncio.run(manager.get_token()) == "token-1"
    assert len(grants) == 1
    asyncio.run(manager.reset_token())
    assert asyncio.run(manager.get_token()) == "token-1"
    asyncio.run(manager.close())
    assert len(grants) == 2


@pytest.mark.rule("R078")
def test_token_request_of_a_finished_event_loop_is_repeated() -> None:
    """A request that was in flight when its loop ended does not block the next loop."""

    async def end_while_waiting(manager: TokenManager, grant: BlockingGrant) -> None:
        await waiting_callers(manager, grant, 1)

    async def create() -> tuple[TokenManager, BlockingGrant]:
        grant = BlockingGrant()
        return TokenManager(ENDPOINT, "id", "secret", grant=grant), grant

    async def release_and_get(manager: TokenManager, grant: BlockingGrant) -> str:
        grant.release()
        return await asyncio.wait_for(manager.get_token(), 10)

    manager, grant = asyncio.run(create())
    asyncio.run(end_while_waiting(manager, grant))
    assert asyncio.run(release_and_get(manager, grant)) == "token-2"


@pytest.mark.rule("R078")
@pytest.mark.parametrize("name", ["get_token", "reset_token", "logout", "close"])
async def test_use_from_two_event_loops_at_once_is_an_error(
    manager: TokenManager, grant: BlockingGrant, name: str
) -> None:
    """The second thread gets a RuntimeError, and the token request is not affected."""
    (task,) = await waiting_callers(manager, grant, 1)
    errors: list[BaseException] = []

    def use_in_thread() -> None:
        try:
            asyncio.run(getattr(manager, name)())
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=use_in_thread)
    thread.start()
    await asyncio.to_thread(thread.join, 10)
    grant.release()
    assert await task == "token-1"
    assert [str(error) for error in errors if "another running event loop" in str(error)]
    assert manager.cached_token() == "token-1"


# Hooks and grants of users


class HookedManager(TokenManager):
    """A subclass with 0.4.0's hook, which returns the members of a token response."""

    calls = 0
    members: Any = None
    before_return: Callable[[], Awaitable[None]] | None = None

    async def _get_token_data(self) -> Any:
        self.calls += 1
        if self.before_return is not None:
            await self.before_return()
        return self.members


def hooked_manager(members: Any) -> HookedManager:
    """Return a manager whose hook returns these members."""
    manager = HookedManager(None, None, None, renewal=Renewal(before_expiry=0, failure_backoff=0))
    manager.members = members
    return manager


async def test_hook_can_return_the_members_of_a_response() -> None:
    """The manager needs no endpoint, and the token is cached like any other."""
    manager = hooked_manager({"access_token": "a", "expires_in": "3600"})
    assert [await manager.get_token() for _ in range(2)] == ["a", "a"]
    assert manager.calls == 1


async def test_hook_can_return_a_token() -> None:
    """A `Token` is used unchanged."""
    manager = hooked_manager(Token("a", 3600))
    assert await manager.get_token() == "a"


@pytest.mark.rule("R020", "R031")
@pytest.mark.parametrize("members", [None, [], "abc", {}, {"access_token": 5}])
async def test_invalid_members_from_a_hook_are_an_error(members: Any) -> None:
    """The result of a hook is validated like a token response."""
    with pytest.raises(TokenResponseError):
        await hooked_manager(members).get_token()


@pytest.mark.rule("R023")
async def test_default_expires_in_applies_to_the_members_from_a_hook() -> None:
    """A missing ``expires_in`` has the same default as in a token response."""
    manager = HookedManager(None, None, None, default_expires_in=0)
    manager.members = {"access_token": "a"}
    await manager.get_token()
    assert manager.cached_token() is None


@pytest.mark.rule("R025")
async def test_lifetime_of_a_token_from_a_hook_starts_before_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The duration of the hook's request is subtracted from the token's lifetime."""
    clock = Clock(monkeypatch)
    manager = hooked_manager({"access_token": "a", "expires_in": 60})

    async def take_a_minute() -> None:
        clock.advance(60)

    manager.before_return = take_a_minute
    await manager.get_token()
    assert manager.cached_token() is None


async def test_grant_of_the_user_gets_the_authorization_server() -> None:
    """A user's grant is one class that sends its form with ``request``."""

    class CustomGrant(Grant):
        async def request_token(self, server: AuthorizationServer) -> Token:
            return await server.request({"grant_type": "custom", "x": "y"})

    async with RawServer(answer(b'{"access_token": "abc"}')) as server:
        manager = TokenManager(server.url, "id", "secret", grant=CustomGrant())
        assert await manager.get_token() == "abc"
        assert server.requests[0].endswith(b"\r\n\r\ngrant_type=custom&x=y")


@pytest.mark.rule("R005", "R008")
async def test_client_auth_replaces_http_basic(
    oauth_server: OAuthServer,
) -> None:
    """HTTP Basic is the default, and is not sent with another authentication method."""

    class BodySecret:
        method = "body_secret"
        ssl_context = None

        async def authenticate(
            self, credentials: Credentials, form: MutableForm, audience: str
        ) -> dict[str, str]:
            assert audience == oauth_server.token_endpoint
            form["client_id"], form["client_secret"] = "client-id", "secret"
            return {}

    oauth_server.allow_body_secret = True
    for options in ({"client_auth": BodySecret()}, {"client_auth": ClientSecretBasic()}, {}):
        assert await manager_of(oauth_server, **options).get_token()
    in_header = ["Authorization" in seen.headers for seen in oauth_server.log]
    in_body = ["client_secret" in seen.form for seen in oauth_server.log]
    assert (in_header, in_body) == ([False, True, True], [True, False, False])


async def test_http_options_apply_to_the_token_request(oauth_server: OAuthServer) -> None:
    """The options are passed to aiohttp and not changed."""
    options = {"headers": {"X-Tenant": "a"}}
    await manager_of(oauth_server, http_options=options).get_token()
    (seen,) = oauth_server.log
    assert seen.headers["X-Tenant"] == "a"
    assert options == {"headers": {"X-Tenant": "a"}}


@pytest.mark.rule("R027")
async def test_narrower_scope_is_an_error_if_it_is_required(oauth_server: OAuthServer) -> None:
    """``require_scope`` refuses a token with less scope than requested, which is used otherwise."""
    oauth_server.token_fault = Fault.body(
        json.dumps({"access_token": "abc", "scope": "read"}).encode()
    )
    with pytest.raises(TokenResponseError, match="write is missing"):
        await manager_of(oauth_server, scope="read write", require_scope=True).get_token()
    assert await manager_of(oauth_server, scope="read write").get_token() == "abc"


# Secrets


def test_manager_that_was_not_initialized_has_a_repr() -> None:
    """Error reports show the local variables of a failed constructor."""
    assert repr(TokenManager.__new__(TokenManager)) == "<TokenManager token=None>"


@pytest.mark.rule("R007", "R063")
async def test_manager_shows_no_secret(oauth_server: OAuthServer) -> None:
    """Token and credentials are neither in the repr nor in the reprs of the attributes."""
    oauth_server.add_client("the-client", "the-s3cret")
    manager = TokenManager(oauth_server.token_endpoint, "the-client", "the-s3cret")
    token = await manager.get_token()
    assert repr(manager).startswith("<TokenManager token=<Token Bearer expires_on=")
    shown = f"{manager!r} {manager} {vars(manager)}"
    assert not [secret for secret in (token, "the-client", "the-s3cret") if secret in shown]


@pytest.mark.rule("R063")
async def test_manager_cannot_be_pickled(oauth_server: OAuthServer) -> None:
    """A pickle would contain the secrets of the manager."""
    manager = manager_of(oauth_server)
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(manager)
    await manager.get_token()
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(manager)


def test_path_in_place_of_a_cache_is_refused() -> None:
    """The mistake is reported when the manager is made, and not with its first request."""
    with pytest.raises(TokenConfigurationError, match=r"FileCache\('tokens'\), not str"):
        TokenManager(
            "https://auth.example.com/token",
            "id",
            "secret",
            cache="~/.cache/tokens",  # type: ignore[arg-type]
        )
