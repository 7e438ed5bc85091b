"""What a manager does late in a token's life, when the endpoint fails, and when all is refused."""

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
from aioalf.testing import Fault, OAuthServer
from aioalf.token import Token
from tests.support.clocks import Clock
from tests.support.front import Way, every_way

ENDPOINT = "https://auth.example.com/token"
LIFETIME = 3600

Get = Callable[[str], AbstractAsyncContextManager[ClientResponse]]


class Scripted(Grant):
    """A grant whose answers wait until they are given."""

    def __init__(self) -> None:
        self.asked = 0
        self._answers: asyncio.Queue[Token | Exception] = asyncio.Queue()

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return or raise the next answer."""
        self.asked += 1
        answer = await self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def give(self, answer: Token | Exception) -> None:
        """Let the next request, or the one that waits, have this answer."""
        self._answers.put_nowait(answer)


class Scene:
    """A manager, what answers it, and its clock."""

    def __init__(self, clock: Clock, renewal: Renewal | None = None) -> None:
        self.clock = clock
        self.grant = Scripted()
        self.manager = TokenManager(ENDPOINT, "id", "secret", grant=self.grant, renewal=renewal)

    def token(self, name: str, lifetime: float | None = LIFETIME) -> Token:
        """A token issued now."""
        return Token(name, lifetime, sent_at=self.clock.now)

    async def settle(self) -> None:
        """Let tasks go on until they wait."""
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that passes when the test says so; chance is at its least."""
    monkeypatch.setattr("aioalf._renewing_token.random.random", lambda: 0.0)
    return Clock(monkeypatch)


@pytest.fixture
async def scene(clock: Clock) -> Scene:
    """A manager that has a token named "first"."""
    scene = Scene(clock)
    scene.grant.give(scene.token("first"))
    assert await scene.manager.get_token() == "first"
    return scene


@pytest.mark.rule("R074")
async def test_in_the_window_callers_are_served_while_one_renewal_runs(scene: Scene) -> None:
    """Nobody waits, one request is made, and its token is used as soon as it is there."""
    scene.clock.advance(LIFETIME - 300.5)
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    assert scene.grant.asked == 1
    scene.clock.advance(1)
    assert [await scene.manager.get_token() for _ in range(100)] == ["first"] * 100
    await scene.settle()
    assert scene.grant.asked == 2
    scene.grant.give(scene.token("second"))
    await scene.settle()
    assert await scene.manager.get_token() == "second"
    assert scene.grant.asked == 2


@pytest.mark.rule("R074")
@pytest.mark.parametrize("error", [TokenConnectionError("down"), TokenConfigurationError("down")])
async def test_a_failed_renewal_is_hidden_until_the_token_has_expired(
    scene: Scene, error: TokenError, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, tried again after the pause and not sooner, and raised after expiry."""
    scene.clock.advance(LIFETIME - 299)
    for _ in range(3):
        scene.grant.give(error)
        assert await scene.manager.get_token() == "first"
        await scene.settle()
        scene.clock.advance(0.5)
        assert await scene.manager.get_token() == "first"
        await scene.settle()
        scene.clock.advance(0.5)
    assert scene.grant.asked == 4
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.messages == ["The token could not be renewed ahead of its expiry: down"]
    scene.clock.advance(300)
    scene.grant.give(TokenConnectionError("still down"))
    with pytest.raises(TokenConnectionError, match="still down"):
        await scene.manager.get_token()


@pytest.mark.rule("R045", "R074")
@pytest.mark.parametrize("error", [AccessDeniedError("no"), LoginTimeoutError("nobody came")])
async def test_who_said_no_is_not_asked_again_ahead_of_time(
    scene: Scene, error: TokenError, caplog: pytest.LogCaptureFixture
) -> None:
    """No page opens each second while the token still serves; when it has expired, one does."""
    scene.clock.advance(LIFETIME - 299)
    scene.grant.give(TokenConnectionError("down"))
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    scene.clock.advance(2)
    scene.grant.give(error)
    for _ in range(20):
        assert await scene.manager.get_token() == "first"
        await scene.settle()
        scene.clock.advance(10)
    assert scene.grant.asked == 3
    assert len(caplog.records) == 1
    scene.clock.advance(100)
    scene.grant.give(scene.token("second"))
    assert await scene.manager.get_token() == "second"


async def test_a_failure_at_expiry_is_the_callers_and_is_not_logged(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A token whose time is up serves nobody: there is nothing to hide the failure behind."""
    scene.clock.advance(LIFETIME)
    scene.grant.give(TokenConnectionError("down"))
    with pytest.raises(TokenConnectionError):
        await scene.manager.get_token()
    assert not caplog.records


async def test_a_renewal_that_succeeds_ends_the_trouble(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The next trouble is logged anew."""
    for number in (1, 2):
        scene.clock.advance(LIFETIME - 299)
        scene.grant.give(TokenConnectionError("down"))
        await scene.manager.get_token()
        await scene.settle()
        scene.clock.advance(1)
        scene.grant.give(scene.token(f"token-{number}"))
        await scene.manager.get_token()
        await scene.settle()
        assert await scene.manager.get_token() == f"token-{number}"
        assert len(caplog.records) == number


@pytest.mark.rule("R074")
async def test_who_comes_after_expiry_waits_for_the_renewal_under_way(scene: Scene) -> None:
    """It is not asked for twice."""
    scene.clock.advance(LIFETIME - 1)
    await scene.manager.get_token()
    await scene.settle()
    scene.clock.advance(1)
    waiting = asyncio.create_task(scene.manager.get_token())
    await scene.settle()
    assert not waiting.done()
    scene.grant.give(scene.token("second"))
    assert await waiting == "second"
    assert scene.grant.asked == 2


async def test_a_secret_that_is_gone_is_not_asked_for_with_each_request(
    clock: Clock, oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Late in a token's life it is read once a pause, and the log says what is wrong."""
    path = tmp_path / "secret"
    path.write_text(oauth_server.client_secret)
    secret, asked = SecretFile(path), 0

    async def counted() -> str:
        nonlocal asked
        asked += 1
        return await secret()

    async with Client("client-id", counted, oauth_server.token_endpoint) as client:
        await client.get(oauth_server.url("/things"))
        path.unlink()
        clock.advance(LIFETIME - 1)
        for _ in range(20):
            response = await client.get(oauth_server.url("/things"))
            assert response.status == 200
    assert asked == 2
    (message,) = caplog.messages
    assert str(path) in message


@pytest.mark.rule("R075")
async def test_managers_that_started_together_do_not_renew_together(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred with tokens of one moment: their renewals begin over a hundred seconds."""
    monkeypatch.setattr("aioalf._renewing_token.random.random", random.Random(0).random)  # noqa: S311
    scenes = [Scene(clock) for _ in range(100)]
    for scene in scenes:
        scene.grant.give(scene.token("first"))
        await scene.manager.get_token()
    clock.advance(LIFETIME - 301)
    begun = [0]
    for _ in range(102):
        for scene in scenes:
            assert await scene.manager.get_token() == "first"
        await scenes[0].settle()
        begun.append(sum(scene.grant.asked == 2 for scene in scenes))
        clock.advance(1)
    assert begun[-1] == 100
    assert begun[2] < 10
    assert max(later - earlier for earlier, later in pairwise(begun)) < 10
    for scene in scenes:
        await scene.manager.close()


@pytest.mark.rule("R077")
async def test_close_ends_a_renewal_in_the_background(scene: Scene) -> None:
    """No task is left, and nothing is logged."""
    scene.clock.advance(LIFETIME - 1)
    await scene.manager.get_token()
    await scene.settle()
    await scene.manager.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.rule("R074")
async def test_a_window_of_zero_renews_what_has_expired_only(clock: Clock) -> None:
    """The background renewal can be switched off."""
    scene = Scene(clock, Renewal(before_expiry=0))
    scene.grant.give(scene.token("first"))
    await scene.manager.get_token()
    clock.advance(LIFETIME - 0.001)
    assert await scene.manager.get_token() == "first"
    await scene.settle()
    assert scene.grant.asked == 1


@pytest.mark.rule("R072", "R082")
async def test_a_failure_is_remembered_for_the_pause(clock: Clock) -> None:
    """All who come meanwhile get it, each an own copy, without a request; then one tries again."""
    scene = Scene(clock)
    failure = TokenConnectionError("down")
    scene.grant.give(failure)
    errors = await asyncio.gather(
        *(scene.manager.get_token() for _ in range(100)), return_exceptions=True
    )
    clock.advance(0.9)
    assert scene.manager.retry_after == pytest.approx(0.1)
    with pytest.raises(TokenConnectionError, match="down") as caught:
        await scene.manager.get_token()
    assert len({id(error) for error in (*errors, caught.value, failure)}) == 102
    assert scene.grant.asked == 1
    clock.advance(0.1)
    assert scene.manager.retry_after == 0
    scene.grant.give(scene.token("first"))
    assert await scene.manager.get_token() == "first"
    assert scene.manager.retry_after == 0
    assert scene.grant.asked == 2


@pytest.mark.rule("R033")
@pytest.mark.parametrize(
    ("retry_after", "pause"), [(None, 1.0), (0.0, 1.0), (30.0, 30.0), (86_400.0, 60.0)]
)
async def test_a_server_may_ask_for_a_longer_pause(
    clock: Clock, retry_after: float | None, pause: float
) -> None:
    """`Retry-After` is honoured, up to a minute."""
    scene = Scene(clock)
    scene.grant.give(TokenHTTPError("busy", 503, "", retry_after=retry_after))
    with pytest.raises(TokenHTTPError):
        await scene.manager.get_token()
    assert scene.manager.retry_after == pytest.approx(pause)


async def test_without_a_pause_the_next_caller_tries_again(clock: Clock) -> None:
    """`Renewal(pause=0)` is for tests that let a server fail and recover."""
    scene = Scene(clock, Renewal(failure_backoff=0))
    scene.grant.give(TokenConnectionError("down"))
    with pytest.raises(TokenConnectionError):
        await scene.manager.get_token()
    scene.grant.give(scene.token("first"))
    assert await scene.manager.get_token() == "first"


async def test_a_failure_is_remembered_without_the_frames_of_it(clock: Clock) -> None:
    """They hold the request, and what authenticates it."""
    scene = Scene(clock)
    problem = TokenConnectionError("down")
    problem.__cause__ = OSError("reset")
    scene.grant.give(problem)
    for _ in range(2):
        with pytest.raises(TokenConnectionError, match="down") as caught:
            await scene.manager.get_token()
        assert str(caught.value.__cause__) == "reset"
    kept = scene.manager._failure  # noqa: SLF001 - nothing else shows it
    assert kept is not None
    assert kept.__traceback__ is None


@pytest.mark.rule("R076")
async def test_a_renewal_that_took_long_is_useless_from_when_it_came(scene: Scene) -> None:
    """A person's login takes longer than the pause: an API that refuses all must not make another.

    What a reset forgets, it forgets this with.
    """
    renewing = asyncio.create_task(scene.manager.renew_token("first"))
    await scene.settle()
    scene.clock.advance(30)
    scene.grant.give(scene.token("second"))
    assert await renewing == "second"
    scene.clock.advance(0.9)
    assert not scene.manager.can_renew("second")
    assert await scene.manager.renew_token("second") == "second"
    scene.clock.advance(0.1)
    assert scene.manager.can_renew("second")
    scene.manager.mark_rejected("second")
    await scene.manager.reset_token()
    scene.grant.give(scene.token("third"))
    await scene.manager.get_token()
    assert scene.manager.can_renew("third")


async def test_reset_forgets_the_failure_too(clock: Clock) -> None:
    """Who mends what was wrong need not wait."""
    scene = Scene(clock)
    scene.grant.give(TokenConnectionError("down"))
    with pytest.raises(TokenConnectionError):
        await scene.manager.get_token()
    await scene.manager.reset_token()
    assert scene.manager.retry_after == 0
    scene.grant.give(scene.token("first"))
    assert await scene.manager.get_token() == "first"


@pytest.mark.rule("R083")
@pytest.mark.parametrize("landing", [TokenConnectionError("late"), None])
async def test_what_was_in_the_air_at_a_reset_leaves_nothing(
    clock: Clock, landing: Exception | None
) -> None:
    """Neither its token nor its failure is there for those who come later; any reset counts."""
    scene = Scene(clock)
    await scene.manager.reset_token()
    early = asyncio.create_task(scene.manager.get_token())
    await scene.settle()
    await scene.manager.reset_token()
    scene.grant.give(landing or scene.token("early"))
    await asyncio.gather(early, return_exceptions=True)
    assert scene.manager.cached_token() is None
    assert scene.manager.retry_after == 0


@pytest.mark.rule("R083")
async def test_a_reset_counts_for_what_has_not_taken_its_first_step(clock: Clock) -> None:
    """A renewal that was begun in the same turn as the reset is not kept either."""
    scene = Scene(clock)
    early = asyncio.create_task(scene.manager.get_token())
    resetting = asyncio.create_task(scene.manager.reset_token())
    scene.grant.give(scene.token("early"))
    assert await early == "early"
    await resetting
    assert scene.manager.cached_token() is None


@pytest.mark.rule("R083")
async def test_a_request_that_will_not_end_at_close_leaves_nothing(clock: Clock) -> None:
    """A grant that answers its cancellation with a token has that token for itself."""

    class Stubborn(Scripted):
        async def request_token(self, endpoint: AuthorizationServer) -> Token:
            try:
                return await super().request_token(endpoint)
            except asyncio.CancelledError:
                return Token("late", LIFETIME)

    scene = Scene(clock)
    scene.manager = TokenManager(ENDPOINT, "id", "secret", grant=Stubborn())
    await scene.manager.reset_token()
    early = asyncio.create_task(scene.manager.get_token())
    await scene.settle()
    await scene.manager.close()
    assert await early == "late"
    assert scene.manager.cached_token() is None


async def test_what_is_missing_is_said_at_once_and_without_a_pause() -> None:
    """A wrong configuration sends nothing: there is nobody to be left alone."""
    manager = TokenManager(None, "id", "secret")
    with pytest.raises(TokenConfigurationError):
        await manager.get_token()
    assert manager.retry_after == 0


@pytest.mark.rule("R060")
async def test_a_useless_renewal_is_not_repeated_within_the_pause(scene: Scene) -> None:
    """A renewed token that is refused too is not renewed at once; after the pause it is."""
    scene.grant.give(scene.token("second"))
    assert await scene.manager.renew_token("first") == "second"
    assert not scene.manager.can_renew("second")
    assert await scene.manager.renew_token("second") == "second"
    assert scene.manager.can_renew("first")
    assert await scene.manager.renew_token("first") == "second"
    scene.clock.advance(1)
    assert scene.manager.can_renew("second")
    scene.grant.give(scene.token("third"))
    assert await scene.manager.renew_token("second") == "third"
    assert scene.grant.asked == 3


@pytest.mark.rule("R060")
async def test_what_a_useless_renewal_gave_is_forgotten_after_the_pause_only(scene: Scene) -> None:
    """A request that cannot be sent again rejects its token: the next one would renew it."""
    scene.grant.give(scene.token("second"))
    assert await scene.manager.renew_token("first") == "second"
    scene.manager.mark_rejected("second")
    assert scene.manager.cached_token() == "second"
    scene.clock.advance(1)
    scene.manager.mark_rejected("second")
    assert scene.manager.cached_token() is None


@pytest.mark.rule("R060")
async def test_a_renewed_token_that_expired_is_renewed_whatever_the_pause(clock: Clock) -> None:
    """That it is refused then says nothing about renewals."""
    scene = Scene(clock, Renewal(failure_backoff=60))
    for name in ("first", "second", "third"):
        scene.grant.give(scene.token(name, 2))
    assert await scene.manager.get_token() == "first"
    assert await scene.manager.renew_token("first") == "second"
    scene.clock.advance(2)
    assert scene.manager.can_renew("second")
    assert await scene.manager.renew_token("second") == "third"


@pytest.mark.rule("R060")
async def test_a_renewal_that_helped_may_be_repeated_at_once(scene: Scene) -> None:
    """Two revocations within a second cost two token requests and no 401."""
    scene.grant.give(scene.token("second"))
    await scene.manager.renew_token("first")
    scene.manager.mark_accepted()
    scene.grant.give(scene.token("third"))
    assert await scene.manager.renew_token("second") == "third"


@pytest.mark.rule("R056", "R060")
@every_way
async def test_an_api_that_refuses_everything_costs_one_token_request_a_pause(
    oauth_server: OAuthServer, clock: Clock, way: Way
) -> None:
    """However many callers: each gets the 401, and one retry while a newer token is there."""
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
async def test_a_thousand_callers_of_a_failing_endpoint_make_one_request(
    oauth_server: OAuthServer,
) -> None:
    """And its own retries; each caller gets the endpoint's answer."""
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


async def test_a_middleware_may_have_a_manager_of_the_user(oauth_server: OAuthServer) -> None:
    """One without the methods of ours is asked for no more than it has."""

    class Plain:
        async def get_token(self) -> str:
            return "unknown"

        def reset_token(self) -> None:
            pass

    async with ClientSession(middlewares=[OAuth2Middleware(Plain())]) as session:
        assert await _status(session.get, oauth_server) == 401
    assert oauth_server.api_requests == 2


async def test_a_hook_of_the_user_that_fails_is_shared_and_paused(clock: Clock) -> None:
    """Whatever it raises."""

    class Hooked(TokenManager):
        asked = 0

        async def _get_token_data(self) -> dict[str, object]:
            self.asked += 1
            raise LookupError("no vault")

    manager = Hooked(None, None, None)
    for _ in range(3):
        with pytest.raises(LookupError, match="no vault"):
            await manager.get_token()
    assert manager.asked == 1


async def test_closing_raises_a_token_error_for_those_who_wait(clock: Clock) -> None:
    """It is no failure of the endpoint: nobody is paused for it."""
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
def test_an_option_of_the_wrong_kind_is_refused_at_once(options: dict[str, Any]) -> None:
    """The error names the option; a class in place of an object is the likely slip."""
    with pytest.raises(TokenConfigurationError, match=next(iter(options))):
        TokenManager(ENDPOINT, "id", "secret", **options)
