"""Token introspection at oidc-provider, by an API and by the owner of a token."""

import pytest
from aiohttp import ClientSession

from aioalf import TokenHTTPError
from aioalf.grants import AuthorizationCode
from aioalf.token import Token
from tests.interop.client_registrations import (
    OFFICE,
    PLAIN,
    RESOURCE_SERVER,
    ClientRegistration,
    make_client,
)
from tests.interop.conftest import CallApi
from tests.interop.provider import Provider, Setup
from tests.interop.scripted_user import ScriptedUser


@pytest.fixture(scope="module")
def setup() -> Setup:
    """The owner of the tokens, an API, and an unrelated client."""
    return Setup([OFFICE, PLAIN, RESOURCE_SERVER])


@pytest.fixture
async def token(provider: Provider, call_api: CallApi) -> Token:
    """The token of a sign-in."""
    tokens: list[Token] = []
    grant = AuthorizationCode(open_browser=ScriptedUser(), timeout=30)
    async with make_client(
        provider, OFFICE, grant=grant, scope="things:read", on_token=tokens.append
    ) as client:
        await call_api(client)
    return tokens[0]


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token"])
async def test_api_introspects_a_token(
    provider: Provider, session: ClientSession, token: Token, hint: str | None
) -> None:
    """The response describes the token with any hint, and calls it inactive after revocation."""
    async with make_client(provider, RESOURCE_SERVER) as api:
        info = await api.introspect(token.access_token, hint)
        assert info["active"] is True
        assert (info["sub"], info["client_id"]) == ("alf", "office")
        assert (info["scope"], info["iss"]) == ("things:read", provider.issuer)
        await provider.revoke(session, token.access_token, OFFICE)
        assert await api.introspect(token.access_token, hint) == {"active": False}


async def test_only_the_owner_can_introspect_a_refresh_token(
    provider: Provider, token: Token
) -> None:
    """For other clients the token is inactive."""
    assert token.refresh_token is not None
    async with make_client(provider, OFFICE) as owner, make_client(provider, PLAIN) as other:
        assert (await owner.introspect(token.refresh_token, "refresh_token"))["active"] is True
        assert await other.introspect(token.refresh_token) == {"active": False}
        assert await owner.introspect("never-issued") == {"active": False}


@pytest.mark.rule("R029")
async def test_rejected_introspection_is_an_error(provider: Provider, token: Token) -> None:
    """The error is raised, and the token is not reported as inactive."""
    guessing = ClientRegistration(RESOURCE_SERVER.client_id, "guessed")
    async with make_client(provider, guessing) as api:
        with pytest.raises(TokenHTTPError) as caught:
            await api.introspect(token.access_token)
    assert caught.value.error == "invalid_client"
    assert token.access_token not in str(caught.value)
