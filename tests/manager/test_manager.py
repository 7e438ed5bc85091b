"""The token manager: one valid token, however many callers."""

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
    """A manager for the server's client, which asks once and leaves nobody alone."""
    options = {"retry": Retry(attempts=1), "renewal": Renewal(failure_backoff=0), **options}
    return TokenManager(server.token_endpoint, server.client_id, server.client_secret, **options)


class Gate(Grant):
    """A grant whose requests wait at a gate; each gives "token-1", "token-2" …, or an error."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.lifetime: float | None = 3600
        self._open = asyncio.Event()
        self._at_gate = asyncio.Event()
        if is_open:
            self.open()

    def open(self) -> None:
        """Let every request pass."""
        self._open.set()

    async def reached(self) -> None:
        """Wait until a request is at the gate, and everyone else has gone as far as can be."""
        await self._at_gate.wait()
        await turn()

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """The next token, once the gate is open."""
        self.asked += 1
        number = self.asked
        self._at_gate.set()
        await self._open.wait()
        if self.error is not None:
            raise self.error
        return Token(f"token-{number}", self.lifetime)


async def turn() -> None:
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def gate() -> Gate:
    """A closed one."""
    return Gate()


@pytest.fixture
def manager(gate: Gate) -> TokenManager:
    """A manager that asks at the gate."""
    return TokenManager(ENDPOINT, "id", "secret", grant=gate, renewal=Renewal(failure_backoff=0))


async def waiting(manager: TokenManager, gate: Gate, count: int) -> list[asyncio.Task[str]]:
    """So many callers that wait for the request at the gate."""
    tasks = [asyncio.create_task(manager.get_token()) for _ in range(count)]
    await gate.reached()
    return tasks


# One token for many


@pytest.mark.rule("R070")
async def test_a_thousand_callers_make_one_token_request(oauth_server: OAuthServer) -> None:
    """All get the same object, and who comes later gets it without a request."""
    manager = manager_of(oauth_server)
    tokens = await asyncio.gather(*(manager.get_token() for _ in range(1000)))
    assert len({id(token) for token in tokens}) == 1
    assert await manager.get_token() is tokens[0]
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R025")
async def test_a_token_is_used_until_it_expires(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a second longer, and not one shorter where nothing is renewed ahead."""
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
async def test_a_token_without_a_lifetime_is_used_until_it_is_refused(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, expires_in: Any
) -> None:
    """A hundred years later it is still that one; a refusal gets another."""
    clock = Clock(monkeypatch)
    oauth_server.expires_in = expires_in
    manager = manager_of(oauth_server)
    first = await manager.get_token()
    clock.advance(100 * 365 * 86_400)
    assert await manager.get_token() == first
    assert await manager.renew_token(first) != first
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R023")
async def test_a_default_expires_in_stands_for_a_missing_one(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For servers that are known to leave it out."""
    clock = Clock(monkeypatch)
    oauth_server.expires_in = MISSING
    manager = manager_of(oauth_server, default_expires_in=60)
    first = await manager.get_token()
    clock.advance(60)
    assert await manager.get_token() != first


@pytest.mark.rule("R024")
@pytest.mark.parametrize("expires_in", [0, "0", 0.5])
async def test_a_token_that_expires_at_once_serves_those_who_waited(
    oauth_server: OAuthServer, expires_in: Any
) -> None:
    """It is used once by each of them, and nobody after gets it."""
    oauth_server.expires_in = expires_in
    manager = manager_of(oauth_server)
    tokens = await asyncio.gather(*(manager.get_token() for _ in range(10)))
    assert len(set(tokens)) == 1
    assert manager.cached_token() is None
    assert await manager.get_token() != tokens[0]
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R024")
@pytest.mark.parametrize("expires_in", ["3600", 3600.5, 1e12])
async def test_a_token_with_an_odd_lifetime_is_kept(
    oauth_server: OAuthServer, expires_in: Any
) -> None:
    """Digits, fractions and the very long are lifetimes."""
    oauth_server.expires_in = expires_in
    manager = manager_of(oauth_server)
    assert await manager.get_token() == await manager.get_token()
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R016", "R073")
async def test_managers_that_ask_for_different_things_share_nothing(
    oauth_server: OAuthServer,
) -> None:
    """Each asks for its own scope, at the same time, and keeps its own token."""
    managers = [manager_of(oauth_server, scope=scope) for scope in (None, "read", ["write", "a"])]
    tokens = await asyncio.gather(*(manager.get_token() for manager in managers))
    assert [manager.cached_token() for manager in managers] == tokens
    assert len(set(tokens)) == 3
    asked = sorted(seen.form.get("scope", "none") for seen in oauth_server.log)
    assert asked == ["none", "read", "write a"]


@pytest.mark.rule("R011")
async def test_renewal_asks_as_the_first_time_did(oauth_server: OAuthServer) -> None:
    """A refresh token that came along is not used."""
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
    "error in a 200": (Fault.wrong_json({"error": "invalid_client"}), TokenResponseError),
    "truncated": (Fault.truncated(), TokenResponseError),
    "another type": (
        Fault.wrong_json({"access_token": "a", "token_type": "mac"}),
        TokenResponseError,
    ),
    "hang up": (Fault.hang_up(), TokenError),
    "hang up within": (Fault.hang_up(after=9), TokenError),
}


@pytest.mark.rule("R014", "R020", "R021", "R030", "R031", "R072", "R082")
@pytest.mark.parametrize(("fault", "kind"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_failure_is_shared_and_not_kept(
    oauth_server: OAuthServer, fault: Fault, kind: type[TokenError]
) -> None:
    """One request fails for all who wait, nothing stays, and the next caller gets a token."""
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
async def test_every_waiter_gets_the_response_to_read(oauth_server: OAuthServer) -> None:
    """One that releases it takes it from nobody."""
    oauth_server.token_fault = Fault.status(503, "busy")
    manager = manager_of(oauth_server)
    errors = await asyncio.gather(*(manager.get_token() for _ in range(3)), return_exceptions=True)
    for error in errors:
        assert isinstance(error, TokenHTTPError)
        assert error.response is not None
        async with error.response as response:
            assert await response.text() == "busy"


def frames(error: BaseException) -> int:
    """How long the traceback is."""
    count, traceback = 0, error.__traceback__
    while traceback is not None:
        count, traceback = count + 1, traceback.tb_next
    return count


@pytest.mark.rule("R072")
async def test_errors_are_own_copies_whose_tracebacks_do_not_grow(
    manager: TokenManager, gate: Gate
) -> None:
    """A hundred waiters hold a hundred errors, each as long as that of one."""
    gate.error = TokenHTTPError("no", 400)
    tasks = await waiting(manager, gate, 100)
    gate.open()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, TokenHTTPError) for error in errors)
    assert len({id(error) for error in errors}) == 100
    assert len({frames(error) for error in errors if isinstance(error, TokenHTTPError)}) == 1


@pytest.mark.rule("R010")
@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ((None, "id", "secret"), "token_endpoint"),
        (("", "id", "secret"), "token_endpoint"),
        ((URL(), "id", "secret"), "token_endpoint"),
        ((ENDPOINT, None, "secret"), "client_id"),
        ((ENDPOINT, "", "secret"), "client_id"),
        ((ENDPOINT, "id", None), "client_secret"),
    ],
)
async def test_what_is_missing_is_said_on_first_use(
    arguments: tuple[Any, Any, Any], missing: str
) -> None:
    """A client may be made before its configuration is complete; nothing is sent without it."""
    manager = TokenManager(*arguments)
    with pytest.raises(TokenConfigurationError, match=f"Missing.*{missing}"):
        await manager.get_token()


async def test_a_login_without_an_endpoint_says_what_is_missing_too() -> None:
    """It is made before its configuration is complete as any other is."""
    grant = RefreshToken("theirs")
    manager = TokenManager(None, "id", "", grant=grant, cache=MemoryCache())
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
        ({"default_expires_in": "soon"}, "default_expires_in must be"),
        ({"http_options": {"data": "x"}}, "data cannot be set"),
        ({"grant": ClientCredentials}, "grant must be an object, not a class"),
        ({"client_auth": ClientSecretBasic}, "client_auth must be an object, not a class"),
        ({"renewal": Renewal}, "renewal must be an object, not a class"),
        ({"retry": Retry}, "retry must be an object, not a class"),
        ({"renewal": Retry()}, "renewal must be a Renewal"),
        ({"retry": 5}, "retry must be a Retry"),
    ],
    ids=str,
)
def test_what_cannot_work_is_said_when_it_is_made(options: dict[str, Any], problem: str) -> None:
    """A mistake in a value shows at the line that holds it."""
    arguments: dict[str, Any] = {
        "token_endpoint": ENDPOINT,
        "client_id": "id",
        "client_secret": "secret",
        **options,
    }
    with pytest.raises(TokenConfigurationError, match=problem):
        TokenManager(**arguments)


# Callers that leave


@pytest.mark.rule("R071")
@pytest.mark.parametrize("leaving", [[0], [1], [0, 1]])
async def test_a_caller_that_is_cancelled_takes_nobody_with_it(
    manager: TokenManager, gate: Gate, leaving: list[int]
) -> None:
    """Be it the first one or a later one: the others get the token of the one request."""
    tasks = await waiting(manager, gate, 3)
    for index in leaving:
        tasks[index].cancel()
    await turn()
    gate.open()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [index for index, result in enumerate(results) if result != "token-1"] == leaving
    assert gate.asked == 1


@pytest.mark.rule("R044", "R071")
async def test_when_all_have_left_the_token_is_kept(manager: TokenManager, gate: Gate) -> None:
    """What was asked for is not thrown away: the next caller has it at once."""
    tasks = await waiting(manager, gate, 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    gate.open()
    await turn()
    assert manager.cached_token() == "token-1"
    assert gate.asked == 1


@pytest.mark.rule("R071")
async def test_a_caller_that_runs_out_of_time_is_alone(manager: TokenManager, gate: Gate) -> None:
    """Its TimeoutError is its own."""
    (patient,) = await waiting(manager, gate, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await manager.get_token()
    gate.open()
    assert await patient == "token-1"


# Rejected, reset, closed


@pytest.mark.rule("R060")
async def test_many_rejections_of_one_token_make_one_request(
    oauth_server: OAuthServer,
) -> None:
    """All who were refused the same token get the same new one."""
    manager = manager_of(oauth_server)
    rejected = await manager.get_token()
    renewed = await asyncio.gather(*(manager.renew_token(rejected) for _ in range(100)))
    assert set(renewed) == {manager.cached_token()}
    assert rejected not in renewed
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R060")
async def test_the_rejection_of_an_older_token_makes_no_request(
    manager: TokenManager, gate: Gate
) -> None:
    """Who was slow to be refused gets the token that is in place by now."""
    gate.open()
    first = await manager.get_token()
    second = await manager.renew_token(first)
    assert await manager.renew_token(first) == second
    assert await manager.renew_token("never issued") == second
    assert gate.asked == 2


@pytest.mark.rule("R060")
async def test_a_rejection_joins_the_request_that_is_under_way(
    manager: TokenManager, gate: Gate
) -> None:
    """The token that is on its way is not the one that was refused."""
    (task,) = await waiting(manager, gate, 1)
    renewal = asyncio.create_task(manager.renew_token("older"))
    await turn()
    gate.open()
    assert await task == await renewal == "token-1"


@pytest.mark.rule("R083")
async def test_after_a_reset_the_next_caller_asks_anew(manager: TokenManager, gate: Gate) -> None:
    """What was there is forgotten."""
    gate.open()
    assert await manager.get_token() == "token-1"
    await manager.reset_token()
    assert manager.cached_token() is None
    assert await manager.get_token() == "token-2"


@pytest.mark.rule("R083")
async def test_after_a_reset_a_cache_gives_no_token_back(
    oauth_server: OAuthServer,
) -> None:
    """It holds what was granted to all; who resets wants another one."""
    endpoint = oauth_server.token_endpoint
    manager = TokenManager(endpoint, "client-id", "secret", cache=MemoryCache())
    first = await manager.get_token()
    await manager.reset_token()
    assert await manager.get_token() != first
    await manager.close()


@pytest.mark.rule("R083")
async def test_what_is_on_its_way_at_a_reset_does_not_come_back(
    manager: TokenManager, gate: Gate
) -> None:
    """Those who wait for it get it; it is not kept, nor does it replace a newer one."""
    (early,) = await waiting(manager, gate, 1)
    await manager.reset_token()
    late = asyncio.create_task(manager.get_token())
    await turn()
    gate.open()
    assert [await early, await late] == ["token-1", "token-2"]
    assert manager.cached_token() == "token-2"


@pytest.mark.rule("R077", "R083")
async def test_close_ends_the_request_and_tells_those_who_wait(
    manager: TokenManager, gate: Gate
) -> None:
    """They get a TokenError, not a cancellation of their own; no task is left, nothing is kept."""
    tasks = await waiting(manager, gate, 3)
    await manager.close()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, TokenError) for error in errors)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert manager.cached_token() is None


@pytest.mark.rule("R077")
async def test_close_leaves_no_socket_open(oauth_server: OAuthServer) -> None:
    """A request that hangs is given up with its connection: no warning comes later."""
    oauth_server.token_fault = Fault.slow(float("inf"))
    manager = manager_of(oauth_server)
    task = asyncio.create_task(manager.get_token())
    async with asyncio.timeout(10):
        await oauth_server.reached(token_requests=1)
    await manager.close()
    with pytest.raises(TokenError, match="closed"):
        await task


@pytest.mark.rule("R077")
async def test_a_manager_may_be_closed_at_any_time_and_used_again(
    oauth_server: OAuthServer,
) -> None:
    """Several clients may share one, and one of them may end first."""
    manager = manager_of(oauth_server)
    await manager.close()
    token = await manager.get_token()
    await manager.close()
    assert await manager.get_token() == token


@pytest.mark.rule("R077")
async def test_a_session_that_was_lent_stays_open(oauth_server: OAuthServer) -> None:
    """It is used for its network, and is its owner's to close."""
    async with ClientSession() as session:
        manager = manager_of(oauth_server)
        manager.use_session(session)
        await manager.get_token()
        await manager.close()
        assert not session.closed
        async with session.get(oauth_server.other_url) as response:
            assert response.status == 200


def test_a_network_is_of_no_use_without_an_endpoint() -> None:
    """A subclass with tokens of its own may be lent one all the same."""
    TokenManager(None, None, None).use_session(None)


@pytest.mark.rule("R060")
async def test_a_refused_token_does_not_come_back_out_of_a_cache_that_was_asked_before() -> None:
    """A reset has begun a second request, which finds in the cache what the first one brought."""

    class SlowCache(MemoryCache):
        """It answers while its gate is open."""

        gate = asyncio.Event()

        async def get(self, key: str) -> str | None:
            """As the other."""
            await self.gate.wait()
            return await super().get(key)

    class Slow(Gate):
        """One whose tokens a cache may keep."""

        @property
        def name(self) -> str:
            return "client_credentials"

        @property
        def subject_key(self) -> str | None:
            return ""

    grant, cache = Slow(), SlowCache()
    cache.gate.set()
    manager = TokenManager(ENDPOINT, "id", "secret", grant=grant, cache=cache)
    first = asyncio.create_task(manager.get_token())
    await grant.reached()
    await manager.reset_token()
    second = asyncio.create_task(manager.get_token())
    await turn()
    cache.gate.clear()
    grant.open()
    refused = await first
    renewal = asyncio.create_task(manager.renew_token(refused))
    await turn()
    cache.gate.set()
    assert await second == refused
    assert await renewal == "token-2"
    assert grant.asked == 2


# Event loops


@pytest.mark.rule("R078")
def test_a_manager_is_made_without_a_loop_and_used_in_one_after_another() -> None:
    """A token got in one loop serves in the next, and is renewed there."""
    grant: list[Gate] = []

    class Late(Grant):
        async def request_token(self, endpoint: AuthorizationServer) -> Token:
            grant.append(Gate(is_open=True))
            return await grant[-1].request_token(endpoint)

    manager = TokenManager(ENDPOINT, "id", "secret", grant=Late())
    assert asyncio.run(manager.get_token()) == asyncio.run(manager.get_token()) == "token-1"
    assert len(grant) == 1
    asyncio.run(manager.reset_token())
    assert asyncio.run(manager.get_token()) == "token-1"
    asyncio.run(manager.close())
    assert len(grant) == 2


@pytest.mark.rule("R078")
def test_a_request_that_its_loop_left_behind_is_asked_again() -> None:
    """A loop that ended in the middle does not make the next one hang."""

    async def give_up(manager: TokenManager, gate: Gate) -> None:
        await waiting(manager, gate, 1)

    async def both() -> tuple[TokenManager, Gate]:
        gate = Gate()
        return TokenManager(ENDPOINT, "id", "secret", grant=gate), gate

    async def open_and_get(manager: TokenManager, gate: Gate) -> str:
        gate.open()
        return await asyncio.wait_for(manager.get_token(), 10)

    manager, gate = asyncio.run(both())
    asyncio.run(give_up(manager, gate))
    assert asyncio.run(open_and_get(manager, gate)) == "token-2"


@pytest.mark.rule("R078")
@pytest.mark.parametrize("name", ["get_token", "reset_token", "logout", "close"])
async def test_two_loops_at_once_are_an_error(manager: TokenManager, gate: Gate, name: str) -> None:
    """A thread that comes in the middle of a request is told, and the request is not disturbed."""
    (task,) = await waiting(manager, gate, 1)
    errors: list[BaseException] = []

    def other() -> None:
        try:
            asyncio.run(getattr(manager, name)())
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    await asyncio.to_thread(thread.join, 10)
    gate.open()
    assert await task == "token-1"
    assert [str(error) for error in errors if "two event loops at once" in str(error)]
    assert manager.cached_token() == "token-1"


# What users plug in


class Hooked(TokenManager):
    """A manager as it was written for 0.4.0: it returns the members of a response."""

    asked = 0
    members: Any = None
    before: Callable[[], Awaitable[None]] | None = None

    async def _get_token_data(self) -> Any:
        self.asked += 1
        if self.before is not None:
            await self.before()
        return self.members


def hooked(members: Any) -> Hooked:
    """One whose hook returns these."""
    manager = Hooked(None, None, None, renewal=Renewal(before_expiry=0, failure_backoff=0))
    manager.members = members
    return manager


async def test_a_subclass_may_return_the_members_of_a_response() -> None:
    """It needs no endpoint, and its token is kept as any other."""
    manager = hooked({"access_token": "a", "expires_in": "3600"})
    assert [await manager.get_token() for _ in range(2)] == ["a", "a"]
    assert manager.asked == 1


async def test_a_subclass_may_return_a_token() -> None:
    """It is taken as it is."""
    manager = hooked(Token("a", 3600))
    assert await manager.get_token() == "a"


@pytest.mark.rule("R020", "R031")
@pytest.mark.parametrize("members", [None, [], "abc", {}, {"access_token": 5}])
async def test_what_a_subclass_returns_is_read_as_a_response(members: Any) -> None:
    """It may hand on whatever a server sent: a token or a TokenError comes out."""
    with pytest.raises(TokenResponseError):
        await hooked(members).get_token()


@pytest.mark.rule("R023")
async def test_what_a_subclass_leaves_out_has_its_default() -> None:
    """As with a response of the endpoint."""
    manager = Hooked(None, None, None, default_expires_in=0)
    manager.members = {"access_token": "a"}
    await manager.get_token()
    assert manager.cached_token() is None


@pytest.mark.rule("R025")
async def test_a_subclass_s_lifetime_counts_from_before_it_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time that its request took is lost to the token."""
    clock = Clock(monkeypatch)
    manager = hooked({"access_token": "a", "expires_in": 60})

    async def before() -> None:
        clock.advance(60)

    manager.before = before
    await manager.get_token()
    assert manager.cached_token() is None


async def test_a_grant_of_the_user_is_asked_with_the_endpoint_in_hand() -> None:
    """A new way to get a token is one class."""

    class Custom(Grant):
        async def request_token(self, endpoint: AuthorizationServer) -> Token:
            return await endpoint.request({"grant_type": "custom", "x": "y"})

    async with RawServer(answer(b'{"access_token": "abc"}')) as server:
        manager = TokenManager(server.url, "id", "secret", grant=Custom())
        assert await manager.get_token() == "abc"
        assert server.requests[0].endswith(b"\r\n\r\ngrant_type=custom&x=y")


@pytest.mark.rule("R005", "R008")
async def test_another_way_to_prove_who_the_client_is_replaces_basic(
    oauth_server: OAuthServer,
) -> None:
    """Where the body is chosen the header is not sent, and Basic is what comes without a choice."""

    class InBody:
        method = "in the body"
        ssl_context = None

        async def authenticate(
            self, credentials: Credentials, form: MutableForm, audience: str
        ) -> dict[str, str]:
            assert audience == oauth_server.token_endpoint
            form["client_id"], form["client_secret"] = "client-id", "secret"
            return {}

    oauth_server.allow_body_secret = True
    for options in ({"client_auth": InBody()}, {"client_auth": ClientSecretBasic()}, {}):
        assert await manager_of(oauth_server, **options).get_token()
    in_header = ["Authorization" in seen.headers for seen in oauth_server.log]
    in_body = ["client_secret" in seen.form for seen in oauth_server.log]
    assert (in_header, in_body) == ([False, True, True], [True, False, False])


async def test_options_of_aiohttp_reach_the_token_request(oauth_server: OAuthServer) -> None:
    """As 0.4.0 passed them on."""
    options = {"headers": {"X-Tenant": "a"}}
    await manager_of(oauth_server, http_options=options).get_token()
    (seen,) = oauth_server.log
    assert seen.headers["X-Tenant"] == "a"
    assert options == {"headers": {"X-Tenant": "a"}}


@pytest.mark.rule("R027")
async def test_a_narrower_scope_is_an_error_unless_allowed(oauth_server: OAuthServer) -> None:
    """Nobody works with less than was asked for without having said so."""
    oauth_server.token_fault = Fault.body(
        json.dumps({"access_token": "abc", "scope": "read"}).encode()
    )
    with pytest.raises(TokenResponseError, match="write is missing"):
        await manager_of(oauth_server, scope="read write").get_token()
    manager = manager_of(oauth_server, scope="read write", allow_narrower_scope=True)
    assert await manager.get_token() == "abc"


# Secrets


@pytest.mark.rule("R007", "R063")
async def test_a_manager_does_not_show_what_it_holds(oauth_server: OAuthServer) -> None:
    """Neither its token nor its credentials are in its repr or in what it is made of."""
    oauth_server.add_client("the-client", "the-s3cret")
    manager = TokenManager(oauth_server.token_endpoint, "the-client", "the-s3cret")
    token = await manager.get_token()
    assert repr(manager).startswith("<TokenManager token=<Token Bearer expires_on=")
    shown = f"{manager!r} {manager} {vars(manager)}"
    assert not [secret for secret in (token, "the-client", "the-s3cret") if secret in shown]


@pytest.mark.rule("R063")
async def test_a_manager_is_not_pickled(oauth_server: OAuthServer) -> None:
    """With it, its secrets would be."""
    manager = manager_of(oauth_server)
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(manager)
    await manager.get_token()
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(manager)
