"""At an oidc-provider that takes pushed authorization requests only (RFC 9126)."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import ClientSession

from aioalf import TokenConfigurationError
from aioalf.grants import AuthorizationCode
from tests.interop.conftest import Ask
from tests.interop.provider import Provider, Setup
from tests.interop.registered import AT_THE_PROVIDER, DESKTOP, OFFICE, Registered, client_of
from tests.interop.visitor import Visitor


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Requests have to be pushed."""
    return Setup([DESKTOP, OFFICE, AT_THE_PROVIDER], push_required=True)


async def error_at(session: ClientSession, url: str) -> str:
    """What the provider has against an authorization request, as it says in its redirect."""
    async with session.get(url, allow_redirects=False) as response:
        assert response.status == 303
        return parse_qs(urlsplit(response.headers["Location"]).query)["error"][0]


@pytest.mark.rule("R153", "R154", "R155")
@pytest.mark.parametrize("registered", [DESKTOP, OFFICE], ids=["public", "with a secret"])
async def test_a_request_is_pushed_where_the_provider_requires_it(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    ask: Ask,
    registered: Registered,
) -> None:
    """Nobody has to ask for it; what the browser carries says who asks, and serves once."""
    grant = AuthorizationCode(open_browser=visitor.show, timeout=30)
    async with client_of(provider, registered, grant=grant, scope="things:read") as client:
        waiting = ask(client)
        url = await visitor.next_url(waiting)
        assert parse_qs(urlsplit(url).query).keys() == {"client_id", "request_uri"}
        await visitor.allow(url)
        assert (await waiting)["client_id"] == registered.client_id
    assert await error_at(session, url) == "invalid_request_uri"


@pytest.mark.rule("R155")
async def test_a_request_that_was_not_pushed_is_refused_here(
    provider: Provider, session: ClientSession, visitor: Visitor
) -> None:
    """The provider does insist; who switches pushing off is told before a browser opens."""
    asked = {"client_id": DESKTOP.client_id, "response_type": "code", "scope": "things:read"}
    page = f"{provider.issuer}/auth?{urlencode(asked)}"
    assert await error_at(session, page) == "invalid_request"
    grant = AuthorizationCode(open_browser=visitor.show, par=False)
    async with client_of(provider, DESKTOP, grant=grant) as client:
        with pytest.raises(TokenConfigurationError, match="RFC 9126 §5"):
            await client.get(f"{provider.issuer}/things")
    assert visitor.urls_shown == []
