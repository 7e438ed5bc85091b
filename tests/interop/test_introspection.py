"""What oidc-provider says of tokens, to an API that was sent one and to whose they are."""

import pytest
from aiohttp import ClientSession

from aioalf import TokenHTTPError
from aioalf.grants import AuthorizationCode
from aioalf.token import Token
from tests.interop.conftest import Ask
from tests.interop.provider import Provider, Setup
from tests.interop.quick_person import QuickPerson
from tests.interop.registered import AT_THE_PROVIDER, OFFICE, PLAIN, Registered, client_of


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Whose tokens they are, an API, and somebody whom they are no business of."""
    return Setup([OFFICE, PLAIN, AT_THE_PROVIDER])


@pytest.fixture
async def token(provider: Provider, ask: Ask) -> Token:
    """What alf's login left."""
    tokens: list[Token] = []
    grant = AuthorizationCode(open_browser=QuickPerson(), timeout=30)
    async with client_of(
        provider, OFFICE, grant=grant, scope="things:read", on_token=tokens.append
    ) as client:
        await ask(client)
    return tokens[0]


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token"])
async def test_an_api_learns_what_a_token_is_worth(
    provider: Provider, session: ClientSession, token: Token, hint: str | None
) -> None:
    """Whose it is and what for, whatever kind was guessed; and that it counts no more, later."""
    async with client_of(provider, AT_THE_PROVIDER) as api:
        said = await api.introspect(token.access_token, hint)
        assert said["active"] is True
        assert (said["sub"], said["client_id"]) == ("alf", "office")
        assert (said["scope"], said["iss"]) == ("things:read", provider.issuer)
        await provider.revoke(session, token.access_token, OFFICE)
        assert await api.introspect(token.access_token, hint) == {"active": False}


async def test_a_refresh_token_is_its_owners_business(provider: Provider, token: Token) -> None:
    """The owner learns that it counts; anybody else, that nothing is known of it."""
    assert token.refresh_token is not None
    async with client_of(provider, OFFICE) as owner, client_of(provider, PLAIN) as other:
        assert (await owner.introspect(token.refresh_token, "refresh_token"))["active"] is True
        assert await other.introspect(token.refresh_token) == {"active": False}
        assert await owner.introspect("never-issued") == {"active": False}


@pytest.mark.rule("R029")
async def test_who_may_not_ask_is_told_so(provider: Provider, token: Token) -> None:
    """The provider's refusal is raised; it does not look as if the token did not count."""
    guessing = Registered(AT_THE_PROVIDER.client_id, "guessed")
    async with client_of(provider, guessing) as api:
        with pytest.raises(TokenHTTPError) as caught:
            await api.introspect(token.access_token)
    assert caught.value.error == "invalid_client"
    assert token.access_token not in str(caught.value)
