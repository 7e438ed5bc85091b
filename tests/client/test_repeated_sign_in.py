"""A user who has just signed in is not asked again at once if the token request fails."""

import logging
from collections.abc import AsyncIterator, Mapping

import pytest

from aioalf import Client, TokenManager
from aioalf.caches import MemoryCache, TokenCache
from aioalf.errors import (
    SignInResponseError,
    TokenConfigurationError,
    TokenError,
    TokenResponseError,
)
from aioalf.grants import AuthorizationCode
from aioalf.providers import Provider
from aioalf.testing import MISSING, Fault, Missing, OAuthServer
from tests.support.clocks import Clock
from tests.support.signed_in import SignedIn, failing_at_once


@pytest.fixture(params=[None, MemoryCache], ids=["no cache", "memory"])
def cache(request: pytest.FixtureRequest) -> TokenCache | None:
    """No cache, or one that is shared."""
    return request.param and request.param()  # type: ignore[no-any-return]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the managers."""
    return Clock(monkeypatch)


@pytest.mark.rule("R045", "R097")
@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(503),
        Fault.oauth_error("invalid_client", status=401),
        Fault.html(),
        Fault.hang_up(),
    ],
    ids=["outage", "wrong secret", "no token", "no response"],
)
async def test_person_is_not_asked_again_at_once_after_a_failed_token_request(
    oauth_server: OAuthServer, cache: TokenCache | None, clock: Clock, fault: Fault
) -> None:
    """Callers get the same error for a minute; `reset_token` lets the program ask at once."""
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    del options["renewal"]
    oauth_server.token_fault = fault
    async with TokenManager(None, **options, cache=cache) as manager:
        for _ in range(3):
            with pytest.raises(TokenError):
                await manager.get_token()
            clock.advance(19)
        assert len(visitor.opened) == 1
        oauth_server.token_fault = None
        await manager.reset_token()
        await manager.get_token()
        assert len(visitor.opened) == 2
    await visitor.gone()


async def test_person_is_not_asked_again_at_once_after_a_wrong_configuration(
    oauth_server: OAuthServer, cache: TokenCache | None
) -> None:
    """The secret is needed after the sign-in only, so its absence is noticed then."""
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    del options["renewal"]
    options["client_secret"] = lambda: None
    async with TokenManager(None, **options, cache=cache) as manager:
        for _ in range(3):
            with pytest.raises(TokenConfigurationError, match="must return a string"):
                await manager.get_token()
    assert len(visitor.opened) == 1
    await visitor.gone()


@pytest.mark.rule("R045", "R097")
@pytest.mark.parametrize("restarts", [False, True], ids=["same program", "next program"])
async def test_refresh_token_of_an_unusable_response_is_used_next(
    oauth_server: OAuthServer, cache: TokenCache | None, *, restarts: bool
) -> None:
    """The user is not asked again, also by a program that starts later if there is a cache."""
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    oauth_server.changes["token"] = {"access_token": MISSING}
    manager = TokenManager(None, **options, cache=cache)
    with pytest.raises(SignInResponseError, match="no access_token"):
        await manager.get_token()
    oauth_server.changes["token"] = {}
    if restarts:
        await manager.close()
        manager = TokenManager(None, **options, cache=cache)
    assert await manager.get_token()
    assert len(visitor.opened) == (2 if restarts and cache is None else 1)
    await manager.logout()
    await manager.close()
    await visitor.gone()


class Reader:
    """A response reader that may fail."""

    def __init__(self) -> None:
        self.is_failing = True

    def read(self, members: Mapping[str, object]) -> Mapping[str, object]:
        """Return the members, or fail."""
        if self.is_failing:
            raise KeyError("data")
        return members


@pytest.mark.rule("R045", "R097")
@pytest.mark.parametrize("restarts", [False, True], ids=["same program", "next program"])
async def test_sign_in_survives_a_response_reader_that_fails(
    oauth_server: OAuthServer, cache: TokenCache | None, *, restarts: bool
) -> None:
    """The refresh token is kept, and so is each one that replaces it; the user is asked once."""
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    reader = Reader()
    options["provider"] = Provider("example", read_response=reader.read)
    manager = TokenManager(None, **options, cache=cache)
    with pytest.raises(SignInResponseError, match="the response reader failed: it raised KeyError"):
        await manager.get_token()
    for _ in range(2):
        with pytest.raises(TokenResponseError, match="the response reader failed") as caught:
            await manager.get_token()
        assert isinstance(caught.value.__cause__, KeyError)
    reader.is_failing = False
    if restarts:
        await manager.close()
        manager = TokenManager(None, **options, cache=cache)
    assert await manager.get_token()
    assert len(visitor.opened) == (2 if restarts and cache is None else 1)
    await manager.close()
    await visitor.gone()


@pytest.mark.rule("R045", "R097")
async def test_person_is_not_asked_again_at_once_if_a_nested_answer_cannot_be_read(
    oauth_server: OAuthServer, cache: TokenCache | None, clock: Clock
) -> None:
    """Only the reader knows where its refresh token is, so the user is asked after a minute."""
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    options["provider"] = Provider("example", read_response=Reader().read)
    oauth_server.token_fault = Fault.wrong_json({"data": {"refresh_token": "nested"}})
    async with TokenManager(None, **options, cache=cache) as manager:
        for _ in range(3):
            with pytest.raises(SignInResponseError, match="no refresh_token at the top"):
                await manager.get_token()
            clock.advance(19)
        assert len(visitor.opened) == 1
        clock.advance(19)
        with pytest.raises(SignInResponseError):
            await manager.get_token()
        assert len(visitor.opened) == 2
    await visitor.gone()


@pytest.mark.rule("R045")
async def test_person_is_asked_once_a_minute_if_an_api_rejects_each_token(
    oauth_server: OAuthServer, cache: TokenCache | None, clock: Clock
) -> None:
    """Without a refresh token, each renewal is a sign-in."""
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    oauth_server.changes["token"] = {"refresh_token": MISSING}
    async with TokenManager(None, **options, cache=cache) as manager:
        token = await manager.get_token()
        for sign_ins in (1, 2):
            for _ in range(4):
                token = await manager.renew_token(token)
                assert len(visitor.opened) == sign_ins
                clock.advance(15)
        derived = manager.with_options(extra_params={"a": "b"})
        token = await derived.get_token()
        count = len(visitor.opened)
        assert await derived.renew_token(token) == token
        assert len(visitor.opened) == count
        clock.advance(60)
        assert await manager.renew_token(await manager.get_token()) != token
        assert len(visitor.opened) == count + 1
    await visitor.gone()


@pytest.mark.rule("R045")
@pytest.mark.parametrize("lifetime", [3600, MISSING], ids=["an hour", "unknown"])
async def test_api_that_rejects_the_token_of_a_sign_in_gets_no_second_one(
    oauth_server: OAuthServer,
    cache: TokenCache | None,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    lifetime: int | Missing,
) -> None:
    """The 401 is the response, and the log says why. A minute later the user is asked."""
    caplog.set_level(logging.DEBUG, "aioalf")
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    oauth_server.changes["token"] = {"refresh_token": MISSING, "expires_in": lifetime}
    oauth_server.api_fault = Fault.status(401)
    async with Client(**options, cache=cache) as client:
        for sign_ins in (1, 1, 2):
            if sign_ins == 2:
                clock.advance(60)
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 401
            assert len(visitor.opened) == sign_ins
    assert "signed in for just before" in caplog.text
    await visitor.gone()


async def stream() -> AsyncIterator[bytes]:
    """Yield a body that cannot be sent again."""
    yield b"once"


async def test_log_is_right_for_a_body_that_cannot_be_sent_again(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The next request would need a sign-in as well, so the token is not renewed for it."""
    caplog.set_level(logging.DEBUG, "aioalf")
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    oauth_server.changes["token"] = {"refresh_token": MISSING}
    oauth_server.api_fault = Fault.status(401)
    async with (
        Client(**options) as client,
        client.post(oauth_server.url("/things"), data=stream()) as response,
    ):
        assert response.status == 401
    assert "signed in for just before" in caplog.text
    assert "will be renewed" not in caplog.text
    assert len(visitor.opened) == 1
    await visitor.gone()


async def test_new_token_of_another_program_causes_no_second_sign_in(
    oauth_server: OAuthServer,
) -> None:
    """A cached token with a lifetime tells how old it is."""
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    oauth_server.changes["token"] = {"refresh_token": MISSING}
    cache = MemoryCache()
    async with TokenManager(None, **options, cache=cache) as manager:
        token = await manager.get_token()
    async with TokenManager(None, **options, cache=cache) as manager:
        assert await manager.renew_token(await manager.get_token()) == token
    assert len(visitor.opened) == 1
    await visitor.gone()


async def test_token_of_an_earlier_program_is_renewed_at_once(oauth_server: OAuthServer) -> None:
    """A cached token without a lifetime does not count as new when it is read."""
    visitor = SignedIn(oauth_server).visitor
    options = failing_at_once(oauth_server, AuthorizationCode(open_browser=visitor))
    oauth_server.changes["token"] = {"refresh_token": MISSING, "expires_in": MISSING}
    cache = MemoryCache()
    async with TokenManager(None, **options, cache=cache) as manager:
        token = await manager.get_token()
    async with TokenManager(None, **options, cache=cache) as manager:
        assert await manager.get_token() == token
        assert await manager.renew_token(token) != token
    assert len(visitor.opened) == 2
    await visitor.gone()
