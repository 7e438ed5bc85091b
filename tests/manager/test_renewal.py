"""`RenewingToken`: renewal ahead of expiry, backoff after failures, and rejected tokens."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from aioalf import Client, ClientSecretBasic, OAuth2Middleware, Renewal, Retry, TokenManager
from aioalf._renewing_token import RenewingToken
from aioalf.client_auth import SecretFile
from aioalf.errors import (
    AccessDeniedError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
)
from aioalf.grants import AuthorizationServer, Grant
from aioalf.renewal import RenewalSkippedError
from aioalf.testing import Fault, OAuthServer
from aioalf.token import Token
from tests.support.clocks import Clock
from tests.support.front import Way, every_way

ENDPOINT = "https://auth.example.com/token"
LIFETIME = 3600

Get = Callable[[str], AbstractAsyncContextManager[ClientResponse]]


class ScriptedGrant(Grant):
    """A grant whose requests wait for the results that the test provides."""

    def __init__(self) -> None:
        self.requests = 0
        self._results: asyncio.Queue[Token | BaseException] = asyncio.Queue()

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return or raise the next result."""
        self.requests += 1
        result = await self._results.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def provide(self, result: Token | BaseException) -> None:
        """Provide the result of the next request, or of the one that waits."""
        self._results.put_nowait(result)


def ignore_token(_: Token) -> None:
    """Do nothing with a new token."""


class Scene:
    """A manager with its grant and its clock."""

    def __init__(
        self,
        clock: Clock,
        renewal: Renewal | None = None,
        grant: ScriptedGrant | None = None,
        **options: Any,
    ) -> None:
        self.clock = clock
        self.grant = grant or ScriptedGrant()
        options = {"grant": self.grant, "renewal": renewal, **options}
        self.manager = TokenManager(ENDPOINT, "id", "secret", **options)

    def token(self, name: str, lifetime: float | None = LIFETIME) -> Token:
        """Return a token that is issued now."""
        return Token(name, lifetime, sent_at=self.clock.now)

    async def settle(self) -> None:
        """Run the event loop until all tasks wait."""
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that the test advances; jitter is at its minimum."""
    monkeypatch.setattr("aioalf._renewing_token.random.random", lambda: 0.0)
    return Clock(monkeypatch)


@pytest.fixture
async def scene(clock: Clock) -> Scene:
    """A manager that has a token named "first"."""
    scene = Scene(clock)
    scene.grant.provide(scene.token("first"))
    assert await scene.manager.get_token() == "first"
    return scene


@pytest.mark.rule("R074")
async def test_token_is_renewed_in_the_background_ahead_of_expiry(scene: Scene) -> None:
    """Callers get the current token without waiting until one request has renewed it."""
    scene.clock.advance(LIFETIME - 300.5)
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    assert scene.grant.requests == 1
    scene.clock.advance(1)
    assert [await scene.manager.get_token() for _ in range(100)] == ["first"] * 100
    await scene.settle()
    assert scene.grant.requests == 2
    scene.grant.provide(scene.token("second"))
    await scene.settle()
    assert await scene.manager.get_token() == "second"
    assert scene.grant.requests == 2


@pytest.mark.rule("R025")
async def test_token_that_expired_during_a_suspension_is_not_used(scene: Scene) -> None:
    """The monotonic clock stood still. A renewal ahead of expiry begins as usual."""
    scene.clock.suspend(LIFETIME - 300.5)
    assert scene.manager.cached_token() == "first"
    await scene.settle()
    assert scene.grant.requests == 1
    scene.clock.suspend(300.5)
    assert scene.manager.cached_token() is None
    scene.grant.provide(scene.token("second"))
    assert await scene.manager.get_token() == "second"
    assert scene.manager.cached_token() == "second"


@pytest.mark.rule("R074")
@pytest.mark.parametrize("error", [TokenConnectionError("down"), TokenConfigurationError("down")])
async def test_failed_renewal_is_raised_only_after_expiry(
    scene: Scene, error: TokenError, caplog: pytest.LogCaptureFixture
) -> None:
    """Before that, it is logged once and repeated after each backoff."""
    scene.clock.advance(LIFETIME - 299)
    for _ in range(3):
        scene.grant.provide(error)
        assert await scene.manager.get_token() == "first"
        await scene.settle()
        scene.clock.advance(0.5)
        assert await scene.manager.get_token() == "first"
        await scene.settle()
        scene.clock.advance(0.5)
    assert scene.grant.requests == 4
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.messages == ["The token could not be renewed ahead of its expiry: down"]
    scene.clock.advance(300)
    scene.grant.provide(TokenConnectionError("still down"))
    with pytest.raises(TokenConnectionError, match="still down"):
        await scene.manager.get_token()


@pytest.mark.rule("R045", "R074")
@pytest.mark.parametrize("error", [AccessDeniedError("no"), LoginTimeoutError("no response")])
async def test_person_who_declined_is_not_asked_again_before_expiry(
    scene: Scene, error: TokenError, caplog: pytest.LogCaptureFixture
) -> None:
    """After a declined or missed sign-in, the next one starts when the token has expired."""
    scene.clock.advance(LIFETIME - 299)
    scene.grant.provide(TokenConnectionError("down"))
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    scene.clock.advance(2)
    scene.grant.provide(error)
    for _ in range(20):
        assert await scene.manager.get_token() == "first"
        await scene.settle()
        scene.clock.advance(10)
    assert scene.grant.requests == 3
    assert len(caplog.records) == 1
    scene.clock.advance(100)
    scene.grant.provide(scene.token("second"))
    assert await scene.manager.get_token() == "second"


async def test_failure_after_expiry_is_raised_and_not_logged(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """No valid token is left, so that the caller gets the error."""
    scene.clock.advance(LIFETIME)
    scene.grant.provide(TokenConnectionError("down"))
    with pytest.raises(TokenConnectionError):
        await scene.manager.get_token()
    assert not caplog.records


async def test_failure_after_a_successful_renewal_is_logged_again(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning is logged for the first failure after each success."""
    for number in (1, 2):
        scene.clock.advance(LIFETIME - 299)
        scene.grant.provide(TokenConnectionError("down"))
        await scene.manager.get_token()
        await scene.settle()
        scene.clock.advance(1)
        scene.grant.provide(scene.token(f"token-{number}"))
        await scene.manager.get_token()
        await scene.settle()
        assert await scene.manager.get_token() == f"token-{number}"
        assert len(caplog.records) == number


@pytest.mark.rule("R074")
async def test_caller_after_expiry_waits_for_the_renewal_in_flight(scene: Scene) -> None:
    """The token is not requested twice."""
    scene.clock.advance(LIFETIME - 1)
    await scene.manager.get_token()
    await scene.settle()
    scene.clock.advance(1)
    waiting = asyncio.create_task(scene.manager.get_token())
    await scene.settle()
    assert not waiting.done()
    scene.grant.provide(scene.token("second"))
    assert await waiting == "second"
    assert scene.grant.requests == 2


async def test_missing_secret_file_is_read_once_per_backoff(
    clock: Clock, oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A renewal ahead of expiry fails with one warning that names the file."""
    path = tmp_path / "secret"
    path.write_text(oauth_server.client_secret)
    secret, reads = SecretFile(path), 0

    async def read_secret() -> str:
        nonlocal reads
        reads += 1
        return await secret()

    async with Client("client-id", read_secret, oauth_server.token_endpoint) as client:
        await client.get(oauth_server.url("/things"))
        path.unlink()
        clock.advance(LIFETIME - 1)
        for _ in range(20):
            response = await client.get(oauth_server.url("/things"))
            assert response.status == 200
        while not caplog.messages:  # noqa: ASYNC110 - the renewal reads the file in a thread
            await asyncio.sleep(0)
    assert reads == 2
    (message,) = caplog.messages
    assert str(path) in message


@pytest.mark.rule("R075")
async def test_renewals_of_many_managers_are_spread_by_jitter(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred managers with tokens of the same age renew over a hundred seconds."""
    monkeypatch.setattr("aioalf._renewing_token.random.random", random.Random(0).random)  # noqa: S311
    scenes = [Scene(clock) for _ in range(100)]
    for scene in scenes:
        scene.grant.provide(scene.token("first"))
        await scene.manager.get_token()
    clock.advance(LIFETIME - 301)
    started = [0]
    for _ in range(102):
        for scene in scenes:
            assert await scene.manager.get_token() == "first"
        await scenes[0].settle()
        started.append(sum(scene.grant.requests == 2 for scene in scenes))
        clock.advance(1)
    assert started[-1] == 100
    assert started[2] < 10
    assert max(later - earlier for earlier, later in pairwise(started)) < 10
    for scene in scenes:
        await scene.manager.close()


@pytest.mark.rule("R077")
async def test_close_ends_a_renewal_in_the_background(scene: Scene) -> None:
    """Closing the manager leaves no task."""
    scene.clock.advance(LIFETIME - 1)
    await scene.manager.get_token()
    await scene.settle()
    await scene.manager.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.rule("R074")
async def test_before_expiry_of_zero_switches_off_background_renewal(clock: Clock) -> None:
    """A token is renewed only after it has expired."""
    scene = Scene(clock, Renewal(before_expiry=0))
    scene.grant.provide(scene.token("first"))
    await scene.manager.get_token()
    clock.advance(LIFETIME - 0.001)
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    assert scene.grant.requests == 1


@pytest.mark.rule("R072", "R082")
async def test_failure_is_raised_again_during_backoff(clock: Clock) -> None:
    """Each caller gets its own copy without a request; after the backoff one is sent."""
    scene = Scene(clock)
    failure = TokenConnectionError("down")
    scene.grant.provide(failure)
    errors = await asyncio.gather(
        *(scene.manager.get_token() for _ in range(100)), return_exceptions=True
    )
    clock.advance(0.9)
    assert scene.manager.retry_after == pytest.approx(0.1)
    with pytest.raises(TokenConnectionError, match="down") as caught:
        await scene.manager.get_token()
    assert len({id(error) for error in (*errors, caught.value, failure)}) == 102
    assert scene.grant.requests == 1
    clock.advance(0.1)
    assert scene.manager.retry_after == 0
    scene.grant.provide(scene.token("first"))
    assert await scene.manager.get_token() == "first"
    assert scene.manager.retry_after == 0
    assert scene.grant.requests == 2


@pytest.mark.rule("R033")
@pytest.mark.parametrize(
    ("retry_after", "backoff"), [(None, 1.0), (0.0, 1.0), (30.0, 30.0), (86_400.0, 60.0)]
)
async def test_retry_after_header_extends_the_backoff(
    clock: Clock, retry_after: float | None, backoff: float
) -> None:
    """``Retry-After`` is honoured up to one minute."""
    scene = Scene(clock)
    scene.grant.provide(TokenHTTPError("busy", 503, "", retry_after=retry_after))
    with pytest.raises(TokenHTTPError):
        await scene.manager.get_token()
    assert scene.manager.retry_after == pytest.approx(backoff)


async def test_backoff_of_zero_lets_the_next_caller_request_a_token(clock: Clock) -> None:
    """``Renewal(failure_backoff=0)`` is useful in tests of failing servers."""
    scene = Scene(clock, Renewal(failure_backoff=0))
    scene.grant.provide(TokenConnectionError("down"))
    with pytest.raises(TokenConnectionError):
        await scene.manager.get_token()
    scene.grant.provide(scene.token("first"))
    assert await scene.manager.get_token() == "first"


async def test_kept_failure_holds_no_frames(clock: Clock) -> None:
    """Frames hold the token request and its credentials."""
    scene = Scene(clock)
    failure = TokenConnectionError("down")
    failure.__cause__ = OSError("reset")
    scene.grant.provide(failure)
    for _ in range(2):
        with pytest.raises(TokenConnectionError, match="down") as caught:
            await scene.manager.get_token()
        assert str(caught.value.__cause__) == "reset"
    kept = scene.manager._failure  # noqa: SLF001 - nothing else shows it
    assert kept is not None
    assert kept.__traceback__ is None


@pytest.mark.rule("R076")
async def test_backoff_of_a_renewal_starts_when_its_token_arrives(scene: Scene) -> None:
    """A sign-in may take longer than the backoff. `reset_token` ends the backoff."""
    renewing = asyncio.create_task(scene.manager.renew_token("first"))
    await scene.settle()
    scene.clock.advance(30)
    scene.grant.provide(scene.token("second"))
    assert await renewing == "second"
    scene.clock.advance(0.9)
    assert not scene.manager.can_renew("second")
    assert await scene.manager.renew_token("second") == "second"
    scene.clock.advance(0.1)
    assert scene.manager.can_renew("second")
    scene.manager.mark_rejected("second")
    await scene.manager.reset_token()
    scene.grant.provide(scene.token("third"))
    await scene.manager.get_token()
    assert scene.manager.can_renew("third")


async def test_reset_forgets_the_failure_too(clock: Clock) -> None:
    """After a reset, the next caller requests a token without waiting for the backoff."""
    scene = Scene(clock)
    scene.grant.provide(TokenConnectionError("down"))
    with pytest.raises(TokenConnectionError):
        await scene.manager.get_token()
    await scene.manager.reset_token()
    assert scene.manager.retry_after == 0
    scene.grant.provide(scene.token("first"))
    assert await scene.manager.get_token() == "first"


@pytest.mark.rule("R083")
@pytest.mark.parametrize("result", [TokenConnectionError("late"), None])
async def test_result_of_a_request_before_a_reset_is_not_kept(
    scene: Scene, result: Exception | None
) -> None:
    """Neither its token nor its failure affects later callers."""
    scene.clock.advance(LIFETIME - 299)
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    await scene.manager.reset_token()
    scene.grant.provide(result or scene.token("early"))
    await scene.settle()
    assert scene.manager.cached_token() is None
    assert scene.manager.retry_after == 0


@pytest.mark.rule("R083")
async def test_reset_applies_to_a_request_that_was_only_created(scene: Scene) -> None:
    """Its token is not cached, although its coroutine first runs after the reset."""
    scene.clock.advance(LIFETIME - 299)
    assert scene.manager.cached_token() == "first"
    await scene.manager.reset_token()
    scene.grant.provide(scene.token("early"))
    await scene.settle()
    assert scene.manager.cached_token() is None


@pytest.mark.rule("R045", "R072")
@pytest.mark.parametrize("error", [AccessDeniedError("no"), LoginTimeoutError("no response")])
async def test_person_who_declined_is_not_asked_again_for_a_minute(
    clock: Clock, error: TokenError
) -> None:
    """Callers get the same error meanwhile; `reset_token` lets the program ask again at once."""
    scene = Scene(clock)
    scene.grant.provide(error)
    for _ in range(59):
        with pytest.raises(type(error)):
            await scene.manager.get_token()
        clock.advance(1)
    assert scene.grant.requests == 1
    await scene.manager.reset_token()
    scene.grant.provide(scene.token("first"))
    assert await scene.manager.get_token() == "first"


@pytest.mark.rule("R070", "R072")
async def test_cancellation_by_a_function_of_the_program_is_a_failure(clock: Clock) -> None:
    """Callers get a TokenError and not a CancelledError, and the next request waits its time."""
    scene = Scene(clock)
    scene.grant.provide(asyncio.CancelledError())
    for _ in range(3):
        with pytest.raises(TokenError, match="raised CancelledError"):
            await scene.manager.get_token()
    assert scene.grant.requests == 1
    assert scene.manager.retry_after == 1
    clock.advance(1)
    scene.grant.provide(scene.token("first"))
    assert await scene.manager.get_token() == "first"


@pytest.mark.rule("R074", "R078")
async def test_valid_token_can_be_used_in_another_event_loop(scene: Scene) -> None:
    """No call is in flight for it, also when a renewal is due; the other loop starts none."""
    scene.clock.advance(LIFETIME - 299)
    tokens = await asyncio.to_thread(asyncio.run, scene.manager.get_token())
    assert tokens == "first"
    await scene.settle()
    assert scene.grant.requests == 1


@pytest.mark.rule("R078")
async def test_use_in_two_event_loops_is_always_an_error(scene: Scene) -> None:
    """Also if no call is in flight in the other loop, so that tests notice the mistake."""
    scene.clock.advance(LIFETIME)
    for _ in range(20):
        with pytest.raises(RuntimeError, match="in use in another running event loop"):
            await asyncio.to_thread(asyncio.run, scene.manager.get_token())


@pytest.mark.rule("R083")
async def test_token_that_arrives_despite_close_is_not_cached(clock: Clock) -> None:
    """A grant may suppress its cancellation and return a token."""

    class StubbornGrant(ScriptedGrant):
        async def request_token(self, server: AuthorizationServer) -> Token:
            try:
                return await super().request_token(server)
            except asyncio.CancelledError:
                return Token("late", LIFETIME)

    scene = Scene(clock)
    scene.manager = TokenManager(ENDPOINT, "id", "secret", grant=StubbornGrant())
    await scene.manager.reset_token()
    early = asyncio.create_task(scene.manager.get_token())
    await scene.settle()
    await scene.manager.close()
    assert await early == "late"
    assert scene.manager.cached_token() is None


async def test_missing_setting_causes_no_backoff() -> None:
    """No request was sent, so a corrected configuration works at once."""
    manager = TokenManager(ENDPOINT, None, "secret")
    with pytest.raises(TokenConfigurationError, match="client_id"):
        await manager.get_token()
    assert manager.retry_after == 0


@pytest.mark.rule("R060")
async def test_useless_renewal_is_not_repeated_during_backoff(scene: Scene) -> None:
    """A renewed token that is rejected too is renewed again only after the backoff."""
    scene.grant.provide(scene.token("second"))
    assert await scene.manager.renew_token("first") == "second"
    assert not scene.manager.can_renew("second")
    assert await scene.manager.renew_token("second") == "second"
    assert scene.manager.can_renew("first")
    assert await scene.manager.renew_token("first") == "second"
    scene.clock.advance(1)
    assert scene.manager.can_renew("second")
    scene.grant.provide(scene.token("third"))
    assert await scene.manager.renew_token("second") == "third"
    assert scene.grant.requests == 3


@pytest.mark.rule("R060")
async def test_renewed_token_is_forgotten_only_after_the_backoff(scene: Scene) -> None:
    """`mark_rejected` has no effect on a renewed token during the backoff."""
    scene.grant.provide(scene.token("second"))
    assert await scene.manager.renew_token("first") == "second"
    scene.manager.mark_rejected("second")
    assert scene.manager.cached_token() == "second"
    scene.clock.advance(1)
    scene.manager.mark_rejected("second")
    assert scene.manager.cached_token() is None


@pytest.mark.rule("R060")
async def test_expired_token_is_renewed_during_backoff(clock: Clock) -> None:
    """The rejection of an expired token does not show that renewals are useless."""
    scene = Scene(clock, Renewal(failure_backoff=60))
    for name in ("first", "second", "third"):
        scene.grant.provide(scene.token(name, 2))
    assert await scene.manager.get_token() == "first"
    assert await scene.manager.renew_token("first") == "second"
    scene.clock.advance(2)
    assert scene.manager.can_renew("second")
    assert await scene.manager.renew_token("second") == "third"


@pytest.mark.rule("R060")
async def test_accepted_token_can_be_renewed_at_once(scene: Scene) -> None:
    """Two revocations within a second cause two token requests and no 401."""
    scene.grant.provide(scene.token("second"))
    await scene.manager.renew_token("first")
    scene.manager.mark_accepted()
    scene.grant.provide(scene.token("third"))
    assert await scene.manager.renew_token("second") == "third"


@pytest.mark.rule("R056", "R060")
@every_way
async def test_api_that_rejects_every_token_causes_one_token_request_per_backoff(
    oauth_server: OAuthServer, clock: Clock, way: Way
) -> None:
    """Each caller gets the 401, after one retry if there is a newer token."""
    oauth_server.api_fault = Fault.status(401)
    async with way(oauth_server) as sender:
        for _ in range(3):
            statuses = await asyncio.gather(
                *(_status(sender.get, oauth_server) for _ in range(100))
            )
            assert set(statuses) == {401}
        assert oauth_server.token_requests == 2  # the first token, and one renewal
        clock.advance(1)
        assert await _status(sender.get, oauth_server) == 401
        assert oauth_server.token_requests == 3
        oauth_server.api_fault = None
        assert await _status(sender.get, oauth_server) == 200


async def _status(get: Get, server: OAuthServer) -> int:
    async with get(server.url("/things")) as response:
        return response.status


@pytest.mark.rule("R072", "R082")
async def test_thousand_callers_share_one_failing_token_request(
    oauth_server: OAuthServer,
) -> None:
    """It is retried as configured, and each caller gets the endpoint's response."""
    oauth_server.token_fault = Fault.status(503, "down")
    async with Client(
        oauth_server.client_id,
        oauth_server.client_secret,
        oauth_server.token_endpoint,
        retry=Retry(attempts=3, wait_initial=0),
        renewal=Renewal(failure_backoff=60),
    ) as client:
        statuses = await asyncio.gather(*(_status(client.get, oauth_server) for _ in range(1000)))
        assert set(statuses) == {503}
        assert await _status(client.get, oauth_server) == 503
    assert oauth_server.token_requests == 3
    assert oauth_server.api_requests == 0


async def test_middleware_accepts_a_manager_with_two_methods(oauth_server: OAuthServer) -> None:
    """Only ``get_token`` and ``reset_token`` are called."""

    class PlainManager:
        async def get_token(self) -> str:
            return "unknown"

        def reset_token(self) -> None:
            pass

    async with ClientSession(middlewares=[OAuth2Middleware(PlainManager())]) as session:
        assert await _status(session.get, oauth_server) == 401
    assert oauth_server.api_requests == 2


async def test_failure_of_a_hook_causes_a_backoff(clock: Clock) -> None:
    """An error of any class is raised again without another call of the hook."""

    class FailingManager(TokenManager):
        calls = 0

        async def _get_token_data(self) -> dict[str, object]:
            self.calls += 1
            raise LookupError("no vault")

    manager = FailingManager(None, None, None)
    for _ in range(3):
        with pytest.raises(LookupError, match="no vault"):
            await manager.get_token()
    assert manager.calls == 1


async def test_close_causes_no_backoff(clock: Clock) -> None:
    """Waiting callers get a TokenError, which is not a failure of the token endpoint."""
    scene = Scene(clock)
    waiting = asyncio.create_task(scene.manager.get_token())
    await scene.settle()
    await scene.manager.close()
    with pytest.raises(TokenError, match="closed"):
        await waiting
    assert scene.manager.retry_after == 0


@pytest.mark.parametrize(
    "options",
    [{"renewal": 60}, {"retry": 3}, {"renewal": Renewal}, {"client_auth": ClientSecretBasic}],
)
def test_option_of_the_wrong_type_is_rejected(options: dict[str, Any]) -> None:
    """The error names the option, even if its value is a class instead of an object."""
    with pytest.raises(TokenConfigurationError, match=next(iter(options))):
        TokenManager(ENDPOINT, "id", "secret", **options)


@pytest.mark.rule("R074")
@pytest.mark.parametrize("until_expiry", [False, True])
async def test_skipped_renewal_keeps_the_token_and_is_tried_later(
    scene: Scene, *, until_expiry: bool
) -> None:
    """Another client renews the token, or only a user could."""
    scene.clock.advance(LIFETIME - 299)
    skipped = RenewalSkippedError(until_expiry=until_expiry)
    for _ in range(3):
        scene.grant.provide(skipped)
        assert await scene.manager.get_token() == "first"
        await scene.settle()
        assert scene.manager.retry_after == 0
        scene.clock.advance(1)
    assert scene.grant.requests == (2 if until_expiry else 4)


@pytest.mark.rule("R074")
async def test_caller_of_a_skipped_renewal_gets_a_new_request(scene: Scene) -> None:
    """The token expired while the renewal was in flight."""
    scene.clock.advance(LIFETIME - 1)
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    scene.clock.advance(2)
    getting = asyncio.create_task(scene.manager.get_token())
    await scene.settle()
    scene.grant.provide(RenewalSkippedError(until_expiry=False))
    scene.grant.provide(scene.token("second"))
    assert await getting == "second"


@pytest.mark.rule("R074")
@pytest.mark.parametrize("options", [{}, {"on_token": ignore_token}], ids=["alone", "login"])
async def test_person_is_not_asked_ahead_of_expiry(
    clock: Clock, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    """A grant that asks a user is used only without a token; a renewal is tried only once."""
    caplog.set_level(logging.DEBUG, "aioalf.manager")

    class PersonGrant(ScriptedGrant):
        """A grant that asks a user."""

        @property
        def is_interactive(self) -> bool:
            """Return True."""
            return True

    scene = Scene(clock, grant=PersonGrant(), **options)
    scene.grant.provide(scene.token("first"))
    assert await scene.manager.get_token() == "first"
    clock.advance(LIFETIME - 30)
    for _ in range(3):
        assert await scene.manager.get_token() == "first"
        await scene.settle()
        clock.advance(10)
    assert scene.grant.requests == 1
    assert caplog.messages == ["The token is renewed ahead of its expiry"]
    scene.grant.provide(scene.token("second"))
    assert await scene.manager.get_token() == "second"


async def test_skipped_renewal_after_a_reset_changes_nothing(scene: Scene) -> None:
    """The token that it would keep is gone."""
    scene.clock.advance(LIFETIME - 299)
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    await scene.manager.reset_token()
    scene.grant.provide(RenewalSkippedError(until_expiry=True))
    await scene.settle()
    assert scene.manager.cached_token() is None


class StoredTokens(RenewingToken):
    """Returns tokens that others stored, one after the other."""

    _uses_stored_tokens = True

    def __init__(self, *tokens: Token) -> None:
        super().__init__(Renewal())
        self._stored = list(tokens)

    async def _fetch_token(self, *, is_ahead: bool) -> Token:
        return self._stored.pop(0)


@pytest.mark.rule("R060")
async def test_stored_token_is_not_used_after_its_rejection() -> None:
    """It may still be stored when another token has replaced it here and has expired since then."""
    manager = StoredTokens(Token("expired", 0), Token("rejected", 60), Token("new", 60))
    assert await manager.get_token() == "expired"
    assert await manager.renew_token("rejected") == "new"
