"""`metadata_url`, `metadata` and issuers with a placeholder, with clients and real sockets."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from aioalf import (
    AuthorizationError,
    Client,
    MetadataError,
    TokenConfigurationError,
    TokenManager,
)
from aioalf.caches import MemoryCache
from aioalf.client_auth import ClientSecretJWT
from aioalf.grants import AuthorizationCode, ClientCredentials
from aioalf.testing import OAuthServer, RecordedRequest
from tests.support.signed_in import SignedIn

OTHER = "http://localhost:1/contoso/v2.0/"
TENANTS = "http://localhost:1/{tenantid}/v2.0"
SECRET = "a secret of at least thirty-two bytes"


class Scene(SignedIn):
    """A signed-in user, and clients of a server whose metadata is elsewhere."""

    @property
    def metadata_url(self) -> str:
        """The URL of the metadata."""
        return f"{self.server.issuer}/.well-known/openid-configuration?p=policy"

    def metadata(self, **members: object) -> dict[str, object]:
        """Return metadata with the endpoints of the server, to pass by hand."""
        names = ("authorization_endpoint", "token_endpoint", "revocation_endpoint")
        return {**{name: getattr(self.server, name) for name in names}, **members}

    def name_issuer(self, issuer: str, iss: str | None = None) -> None:
        """Let the metadata name this issuer, and redirects name `iss`."""
        self.server.changes["metadata"] = {"issuer": issuer}
        self.server.changes["authorization"] = {"iss": iss or issuer}

    def sign_in(self) -> AuthorizationCode:
        """Return a grant with the visitor as browser."""
        return AuthorizationCode(open_browser=self.visitor)

    @property
    def metadata_requests(self) -> list[RecordedRequest]:
        """The requests for metadata."""
        return [each for each in self.server.log if "well-known" in each.path]


@pytest.fixture
async def scene(oauth_server: OAuthServer) -> AsyncIterator[Scene]:
    """Yield a scene, and wait for its browser after the test."""
    scene = Scene(oauth_server)
    yield scene
    await scene.visitor.done()


async def get(client: Client, server: OAuthServer) -> None:
    """Send an authorized request."""
    async with client.get(server.url("/things")) as response:
        assert response.status == 200


@pytest.mark.rule("R120", "R121")
async def test_issuer_that_differs_from_the_place_of_its_metadata(scene: Scene) -> None:
    """Microsoft B2C, for example, has a metadata URL that does not follow from the issuer."""
    scene.name_issuer(OTHER)
    async with scene.client(
        scene.sign_in(), issuer=OTHER, metadata_url=scene.metadata_url
    ) as client:
        await get(client, scene.server)
    (request,) = scene.metadata_requests
    assert request.query == "p=policy"


@pytest.mark.rule("R121")
async def test_metadata_url_does_not_replace_a_configured_issuer(scene: Scene) -> None:
    """The metadata has to name the configured issuer; the error says what to pass."""
    scene.name_issuer(OTHER)
    async with scene.client(issuer="http://localhost:1", metadata_url=scene.metadata_url) as client:
        with pytest.raises(MetadataError, match=f"pass issuer='{OTHER}'$"):
            await client.get(scene.server.url("/things"))
    assert scene.server.token_requests == 0


@pytest.mark.rule("R100")
@pytest.mark.parametrize("iss", [None, "http://localhost:1/evil/v2.0/"])
async def test_metadata_url_alone_names_the_issuer(scene: Scene, iss: str | None) -> None:
    """The redirect is compared with the issuer in the metadata."""
    scene.name_issuer(OTHER, iss)
    async with scene.client(
        scene.sign_in(), issuer=None, metadata_url=scene.metadata_url
    ) as client:
        if iss is None:
            await get(client, scene.server)
        else:
            with pytest.raises(AuthorizationError, match="another issuer"):
                await client.get(scene.server.url("/things"))
            assert scene.server.token_requests == 0


async def get_with_jwt(scene: Scene, issuer: str | None) -> None:
    """Request the API with a client that authenticates with a JWT."""
    scene.server.add_client("client-id", SECRET, auth_methods=["client_secret_jwt"])
    async with scene.client(
        issuer=issuer,
        metadata_url=scene.metadata_url,
        client_secret=SECRET,
        client_auth=ClientSecretJWT(),
    ) as client:
        await get(client, scene.server)


@pytest.mark.rule("R004")
async def test_issuer_in_the_metadata_is_the_audience_of_a_jwt(scene: Scene) -> None:
    """The server checks the audience of the client assertion."""
    await get_with_jwt(scene, issuer=None)


@pytest.mark.rule("R081")
async def test_metadata_url_alone_is_a_part_of_the_cache_key(scene: Scene) -> None:
    """Two clients with one metadata URL share a token, and a client with another has its own."""
    cache = MemoryCache()
    for url, requests in (
        (scene.metadata_url, 1),
        (scene.metadata_url, 1),
        (f"{scene.metadata_url}2", 2),
    ):
        async with scene.client(issuer=None, metadata_url=url, cache=cache) as client:
            await get(client, scene.server)
        assert scene.server.token_requests == requests


@pytest.mark.rule("R100")
@pytest.mark.parametrize("is_issuer_configured", [True, False])
@pytest.mark.parametrize(
    ("iss", "is_accepted"),
    [
        ("http://localhost:1/00000000-0000-0000-0000-000000000000/v2.0", True),
        ("http://localhost:1/contoso/v2.0/", False),
        ("http://localhost:1/a/b/v2.0", False),
        ("http://localhost:2/contoso/v2.0", False),
    ],
)
async def test_issuer_of_several_tenants(
    scene: Scene, iss: str, *, is_accepted: bool, is_issuer_configured: bool
) -> None:
    """Microsoft's placeholder matches one segment of the issuer in the redirect."""
    scene.name_issuer(TENANTS, iss)
    issuer = TENANTS if is_issuer_configured else None
    async with scene.client(
        scene.sign_in(), issuer=issuer, metadata_url=scene.metadata_url
    ) as client:
        if is_accepted:
            await get(client, scene.server)
        else:
            with pytest.raises(AuthorizationError, match="another issuer"):
                await client.get(scene.server.url("/things"))


@pytest.mark.rule("R100", "R121")
@pytest.mark.parametrize(("tenant", "is_accepted"), [("contoso", True), ("fabrikam", False)])
async def test_metadata_of_one_tenant_names_its_issuer(
    scene: Scene, tenant: str, *, is_accepted: bool
) -> None:
    """The metadata at the URL of one tenant has no placeholder, and redirects are from it alone."""
    scene.name_issuer(TENANTS.format(tenantid="contoso"), TENANTS.format(tenantid=tenant))
    async with scene.client(
        scene.sign_in(), issuer=TENANTS, metadata_url=scene.metadata_url
    ) as client:
        if is_accepted:
            await get(client, scene.server)
        else:
            with pytest.raises(AuthorizationError, match="another issuer"):
                await client.get(scene.server.url("/things"))


@pytest.mark.rule("R121")
@pytest.mark.parametrize("named", [OTHER, "http://localhost:1/a/b/v2.0"])
async def test_metadata_of_another_issuer_than_a_tenant_is_refused(
    scene: Scene, named: str
) -> None:
    """Only one segment of the path may differ from the configured issuer."""
    scene.name_issuer(named)
    async with scene.client(issuer=TENANTS, metadata_url=scene.metadata_url) as client:
        with pytest.raises(MetadataError, match="names another issuer"):
            await client.get(scene.server.url("/things"))


def test_given_metadata_of_one_tenant_is_accepted() -> None:
    """The configured issuer may have a placeholder for the tenant."""
    given = {"issuer": TENANTS.format(tenantid="contoso"), "token_endpoint": "http://localhost:1/t"}
    TokenManager(None, "client-id", SECRET, issuer=TENANTS, metadata=given)


async def test_audience_of_a_jwt_has_no_placeholder(scene: Scene) -> None:
    """With an issuer of several tenants, a JWT is for the token endpoint."""
    scene.name_issuer(TENANTS)
    scene.server.assertion_audience = scene.server.token_endpoint
    await get_with_jwt(scene, issuer=TENANTS)


async def test_given_metadata_needs_no_request(scene: Scene) -> None:
    """Endpoints and facts come from the mapping, and `logout` uses it as well."""
    given = scene.metadata(
        issuer=scene.server.issuer, authorization_response_iss_parameter_supported=True
    )
    async with scene.client(scene.sign_in(), issuer=None, metadata=given) as client:
        await get(client, scene.server)
        await client.logout()
    assert not scene.metadata_requests
    assert scene.server.requests["revocation"] == 2


@pytest.mark.rule("R100")
async def test_given_metadata_names_the_issuer(scene: Scene) -> None:
    """The redirect is compared with it."""
    given = scene.metadata(issuer="http://localhost:1")
    async with scene.client(scene.sign_in(), issuer=None, metadata=given) as client:
        with pytest.raises(AuthorizationError, match="another issuer"):
            await client.get(scene.server.url("/things"))


async def test_given_metadata_without_an_issuer(scene: Scene) -> None:
    """The token endpoint identifies the server in the cache, as without metadata."""
    cache = MemoryCache()
    for _ in range(2):
        async with scene.client(
            scene.sign_in(), issuer=None, metadata=scene.metadata(), cache=cache
        ) as client:
            await get(client, scene.server)
    assert scene.server.token_requests == 1


async def test_endpoint_that_given_metadata_lacks(scene: Scene) -> None:
    """The error names the option for the missing endpoint."""
    async with scene.client(issuer=None, metadata={"issuer": scene.server.issuer}) as client:
        with pytest.raises(TokenConfigurationError, match="Missing token endpoint: the issuer's"):
            await client.get(scene.server.url("/things"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"metadata_url": "http://a.example/m"}, "metadata_url must be an https URL"),
        ({"metadata_url": ""}, "metadata_url must be an absolute https URL"),
        ({"metadata": {"issuer": "http://a.example"}}, "issuer must be an https URL"),
        ({"metadata": {"issuer": "https://b.example"}, "issuer": "https://a.example"}, "remove"),
        ({"metadata": {}, "metadata_url": "https://a.example/m"}, "not both"),
        ({"metadata": ["https://a.example"]}, "metadata must be a Mapping, not list"),
        ({"issuer": "https://a.example/{tenantid}/v2.0"}, "pass metadata_url"),
        ({"metadata_url": "https://a.example/m", "issuer": "https://{tenantid}"}, "issuer "),
    ],
    ids=str,
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], reason: str) -> None:
    """The constructor raises, not the first request."""
    with pytest.raises(TokenConfigurationError, match=reason):
        Client(client_id="client-id", client_secret="secret", **options)


async def test_issuer_with_a_placeholder_works_with_given_metadata(scene: Scene) -> None:
    """No metadata is requested, so that its URL is not needed."""
    given = scene.metadata(issuer=TENANTS)
    async with scene.client(ClientCredentials(), issuer=TENANTS, metadata=given) as client:
        await get(client, scene.server)
    assert not scene.metadata_requests


def test_manager_takes_the_same_options() -> None:
    """A manager needs no other endpoint beside one of these options."""
    url = "https://a.example/m"
    for manager in (
        TokenManager(None, "client-id", "secret", metadata_url=url),
        TokenManager(None, "client-id", "secret", metadata={}),
    ):
        assert manager.with_options(scope="a") is not manager
