"""An oidc-provider that accepts only pushed authorization requests (RFC 9126)."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import ClientSession

from aioalf import TokenConfigurationError
from aioalf.grants import AuthorizationCode
from tests.interop.client_registrations import (
    DESKTOP,
    OFFICE,
    RESOURCE_SERVER,
    ClientRegistration,
    make_client,
)
from tests.interop.conftest import CallApi
from tests.interop.provider import Provider, Setup
from tests.interop.visitor import Visitor


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Requests must be pushed."""
    return Setup([DESKTOP, OFFICE, RESOURCE_SERVER], require_par=True)


async def error_at(session: ClientSession, url: str) -> str:
    """Return the error in the redirect to which the provider sends an authorization request."""
    async with session.get(url, allow_redirects=False) as response:
        assert response.status == 303
        return parse_qs(urlsplit(response.headers["Location"]).query)["error"][0]


@pytest.mark.rule("R153", "R154", "R155")
@pytest.mark.parametrize("registration", [DESKTOP, OFFICE], ids=["public", "with a secret"])
async def test_request_is_pushed_if_the_provider_requires_it(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    call_api: CallApi,
    registration: ClientRegistration,
) -> None:
    """No option is needed; the URL in the browser is single-use."""
    grant = AuthorizationCode(open_browser=visitor.open_browser, timeout=30)
    async with make_client(provider, registration, grant=grant, scope="things:read") as client:
        waiting = call_api(client)
        url = await visitor.next_url(waiting)
        assert parse_qs(urlsplit(url).query).keys() == {"client_id", "request_uri"}
        await visitor.allow(url)
        assert (await waiting)["client_id"] == registration.client_id
    assert await error_at(session, url) == "invalid_request_uri"


@pytest.mark.rule("R155")
async def test_par_cannot_be_switched_off_if_the_provider_requires_it(
    provider: Provider, session: ClientSession, visitor: Visitor
) -> None:
    """The error is raised before a browser opens."""
    parameters = {"client_id": DESKTOP.client_id, "response_type": "code", "scope": "things:read"}
    page = f"{provider.issuer}/auth?{urlencode(parameters)}"
    assert await error_at(session, page) == "invalid_request"
    grant = AuthorizationCode(open_browser=visitor.open_browser, par=False)
    async with make_client(provider, DESKTOP, grant=grant) as client:
        with pytest.raises(TokenConfigurationError, match="RFC 9126 §5"):
            await client.get(f"{provider.issuer}/things")
    assert visitor.opened_urls == []
