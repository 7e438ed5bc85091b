"""An issuer that shares its host with others: https://…/tenant/one, found by its name alone.

oidc-provider serves its metadata below the path, as OpenID Connect has it. In the place of the
standard, between host and path, it is only where whoever runs it puts it there: both are here.
"""

import pytest
from aiohttp import ClientSession

from aioalf import Client, MetadataError
from aioalf.grants import AuthorizationCode
from tests.interop.conftest import Ask
from tests.interop.provider import Provider, Setup
from tests.interop.registered import AT_THE_PROVIDER, DESKTOP, PLAIN, client_of
from tests.interop.resource_server import ResourceServer
from tests.interop.visitor import Visitor


@pytest.fixture(scope="module", params=[True, False], ids=["standard place", "below the path"])
def setup(request: pytest.FixtureRequest) -> Setup:
    """One of several tenants."""
    return Setup(
        [PLAIN, DESKTOP, AT_THE_PROVIDER],
        path="/tenant/one",
        standard_place=bool(request.param),
    )


@pytest.mark.rule("R120", "R121", "R123")
async def test_the_issuers_name_is_all_that_is_needed(
    provider: Provider, session: ClientSession, things: ResourceServer
) -> None:
    """The token endpoint comes from the metadata, wherever of the two places that is."""
    assert provider.issuer.endswith("/tenant/one")
    client = client_of(provider, PLAIN, scope="things:read")
    async with client, client.get(things.url) as response:
        assert response.status == 200
        assert (await response.json())["client_id"] == PLAIN.client_id
    assert await provider.requests(session) == ["client_credentials"]


@pytest.mark.rule("R100", "R103", "R120")
async def test_a_person_signs_in_at_it(provider: Provider, visitor: Visitor, ask: Ask) -> None:
    """Its pages and endpoints are below the path, and its answer names the whole of the issuer."""
    grant = AuthorizationCode(open_browser=visitor.show, timeout=30)
    async with client_of(provider, DESKTOP, grant=grant, scope="things:read") as client:
        waiting = ask(client)
        url = await visitor.next_url(waiting)
        assert url.startswith(f"{provider.issuer}/auth?")
        await visitor.allow(url)
        assert (await waiting)["user"] == "alf"


@pytest.mark.rule("R121", "R122")
@pytest.mark.parametrize(
    "name", ["{}/", "{}/..", "{}?tenant=one"], ids=["a slash more", "its host", "a query"]
)
async def test_another_name_is_another_issuer(
    provider: Provider, session: ClientSession, things: ResourceServer, name: str
) -> None:
    """One character more or less, and nothing is sent to the endpoints of whoever answers."""
    with pytest.raises((MetadataError, ValueError), match="issuer"):
        async with Client("plain", "secret", issuer=name.format(provider.issuer)) as client:
            await client.get(things.url)
    assert await provider.requests(session) == []
    assert things.statuses == []
