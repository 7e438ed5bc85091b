"""An issuer with a path, such as https://…/tenant/one, found by its URL alone.

oidc-provider serves its metadata below the path, as OpenID Connect Discovery says. The path of RFC
8414, between host and path, is up to the operator. Both are tested here.
"""

import pytest
from aiohttp import ClientSession

from aioalf import Client, MetadataError
from aioalf.grants import AuthorizationCode
from tests.interop.client_registrations import DESKTOP, PLAIN, RESOURCE_SERVER, make_client
from tests.interop.conftest import CallApi
from tests.interop.provider import Provider, Setup
from tests.interop.resource_server import ResourceServer
from tests.interop.visitor import Visitor


@pytest.fixture(scope="module", params=[True, False], ids=["path of RFC 8414", "below the path"])
def setup(request: pytest.FixtureRequest) -> Setup:
    """One of several tenants."""
    return Setup(
        [PLAIN, DESKTOP, RESOURCE_SERVER],
        path="/tenant/one",
        metadata_at_standard_path=bool(request.param),
    )


@pytest.mark.rule("R120", "R121", "R123")
async def test_metadata_is_found_at_either_path(
    provider: Provider, session: ClientSession, api: ResourceServer
) -> None:
    """The token endpoint comes from the metadata, at either of the two paths."""
    assert provider.issuer.endswith("/tenant/one")
    client = make_client(provider, PLAIN, scope="things:read")
    async with client, client.get(api.url) as response:
        assert response.status == 200
        assert (await response.json())["client_id"] == PLAIN.client_id
    assert await provider.requests(session) == ["client_credentials"]


@pytest.mark.rule("R100", "R103", "R120")
async def test_user_signs_in(provider: Provider, visitor: Visitor, call_api: CallApi) -> None:
    """Pages and endpoints are below the path, and the response has the full issuer."""
    grant = AuthorizationCode(open_browser=visitor.open_browser, timeout=30)
    async with make_client(provider, DESKTOP, grant=grant, scope="things:read") as client:
        waiting = call_api(client)
        url = await visitor.next_url(waiting)
        assert url.startswith(f"{provider.issuer}/auth?")
        await visitor.allow(url)
        assert (await waiting)["user"] == "alf"


@pytest.mark.rule("R121", "R122")
@pytest.mark.parametrize(
    "name", ["{}/", "{}/..", "{}?tenant=one"], ids=["trailing slash", "host only", "query"]
)
async def test_similar_issuer_is_rejected(
    provider: Provider, session: ClientSession, api: ResourceServer, name: str
) -> None:
    """One different character, and no request is sent to the endpoints."""
    with pytest.raises((MetadataError, ValueError), match="issuer"):
        async with Client("plain", "secret", issuer=name.format(provider.issuer)) as client:
            await client.get(api.url)
    assert await provider.requests(session) == []
    assert api.statuses == []
