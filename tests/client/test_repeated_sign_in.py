"""A person who has just signed in is not asked again at once if the token request fails."""

import pytest

from aioalf import TokenManager
from aioalf.caches import MemoryCache, TokenCache
from aioalf.errors import TokenConfigurationError, TokenError
from aioalf.grants import AuthorizationCode
from aioalf.testing import MISSING, Fault, OAuthServer
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
        for _ in range(4):
            token = await manager.renew_token(token)
            clock.advance(14)
        assert len(visitor.opened) == 2
        derived = manager.with_options(extra_params={"a": "b"})
        token = await derived.renew_token(await derived.get_token())
        count = len(visitor.opened)
        assert await derived.renew_token(token) == token
        assert len(visitor.opened) == count
        clock.advance(10)
        await manager.renew_token(await manager.get_token())
        assert len(visitor.opened) == count + 1
    await visitor.gone()
