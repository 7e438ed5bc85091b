"""Client credentials at oidc-provider, with a resource server that introspects each token."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, TCPConnector
from yarl import URL

from aioalf import (
    Client,
    ClientSecretBasic,
    OAuth2Middleware,
    TokenError,
    TokenHTTPError,
    TokenManager,
)
from tests.interop.client_registrations import (
    PLAIN,
    RESOURCE_SERVER,
    SHORT_LIVED,
    SPECIAL,
    ClientRegistration,
)
from tests.interop.provider import Counts, Provider, Setup
from tests.interop.resource_server import ResourceServer

MANY = 200
BOUND_SECONDS = 30


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Three clients and the resource server."""
    return Setup([PLAIN, SPECIAL, SHORT_LIVED, RESOURCE_SERVER])


def make_client(provider: Provider, registration: ClientRegistration, **options: object) -> Client:
    """Return a client for this registration."""
    return Client(
        token_endpoint=provider.token_endpoint,
        client_id=registration.client_id,
        client_secret=registration.client_secret,
        **options,  # type: ignore[arg-type]
    )


def make_manager(
    provider: Provider, registration: ClientRegistration, **options: object
) -> TokenManager:
    """Return a token manager for this registration."""
    return TokenManager(
        provider.token_endpoint,
        registration.client_id,
        registration.client_secret,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
async def client(provider: Provider) -> AsyncIterator[Client]:
    """A client with the plain id and secret."""
    async with make_client(provider, PLAIN) as client:
        yield client


async def test_resource_server_rejects_requests_without_a_token(
    api: ResourceServer, session: ClientSession
) -> None:
    """The resource server does reject unknown tokens."""
    assert (await session.get(api.url)).status == 401
    for value in ("Bearer never-issued", "Basic never-issued"):
        assert (await session.get(api.url, headers={"Authorization": value})).status == 401


@pytest.mark.rule("R001", "R006", "R008", "R012", "R051")
@pytest.mark.parametrize("registration", [PLAIN, SPECIAL], ids=["plain", "special"])
async def test_request_has_a_token_of_the_client(
    provider: Provider,
    api: ResourceServer,
    session: ClientSession,
    registration: ClientRegistration,
) -> None:
    """It works with any characters in the client id and secret."""
    async with make_client(provider, registration) as client:
        async with client.get(api.url) as response:
            assert response.status == 200
            assert (await response.json())["client_id"] == registration.client_id
        async with client.get(api.url) as response:
            assert response.status == 200
    assert await provider.counts(session) == Counts(granted=1, refused=0, failed=0)
    assert api.statuses == [200, 200]


async def test_middleware_authorizes_a_plain_session(
    provider: Provider, api: ResourceServer
) -> None:
    """The middleware works with a plain aiohttp session."""
    origins = [URL(api.url).origin()]
    middleware = OAuth2Middleware(make_manager(provider, SPECIAL), allowed_origins=origins)
    async with ClientSession(middlewares=[middleware]) as session:
        assert (await session.get(api.url)).status == 200


@pytest.mark.rule("R006")
async def test_unencoded_credentials_are_rejected(
    provider: Provider, api: ResourceServer, session: ClientSession
) -> None:
    """The provider decodes HTTP Basic credentials, so special characters must be encoded."""
    raw = ClientSecretBasic(form_encode=False)
    with pytest.raises(TokenHTTPError) as caught:
        await make_manager(provider, SPECIAL, client_auth=raw).get_token()
    assert caught.value.response_status == 400
    assert caught.value.error == "invalid_request"
    async with make_client(provider, PLAIN, client_auth=raw) as client:
        assert (await client.get(api.url)).status == 200
    assert await provider.counts(session) == Counts(granted=1, refused=1, failed=0)


@pytest.mark.rule("R012", "R016", "R027")
async def test_requested_scope_is_granted(provider: Provider, api: ResourceServer) -> None:
    """A string and a set of scopes both work."""
    for scope in ("things:write things:read", {"things:read", "things:write"}):
        client = make_client(provider, PLAIN, scope=scope)
        async with client, client.post(api.url) as response:
            assert response.status == 200
            assert set((await response.json())["scope"]) == {"things:read", "things:write"}


@pytest.mark.rule("R016", "R058")
async def test_403_is_returned_without_a_renewal(
    provider: Provider, api: ResourceServer, session: ClientSession
) -> None:
    """A read token cannot write; the 403 is returned, and no other token is requested."""
    async with make_client(provider, PLAIN, scope="things:read") as client:
        async with client.get(api.url) as response:
            assert (await response.json())["scope"] == ["things:read"]
        assert (await client.post(api.url)).status == 403
    assert api.statuses == [200, 403]
    assert await provider.counts(session) == Counts(granted=1, refused=0, failed=0)


@pytest.mark.rule("R029", "R062")
async def test_scope_that_the_client_may_not_request_is_returned_as_an_error(
    provider: Provider, api: ResourceServer
) -> None:
    """The client returns invalid_scope; the API gets no request."""
    async with make_client(provider, SPECIAL, scope="things:write") as client:
        response = await client.get(api.url)
        assert response.status == 400
        assert (await response.json())["error"] == "invalid_scope"
    assert api.statuses == []


@pytest.mark.rule("R027")
async def test_narrower_scope_is_an_error_if_it_is_required(
    provider: Provider, api: ResourceServer
) -> None:
    """The provider drops an unknown scope; the token is used unless the scope is required."""
    scope = "things:read things:burn"
    with pytest.raises(TokenError, match="things:burn"):
        await make_manager(provider, PLAIN, scope=scope, require_scope=True).get_token()
    client = make_client(provider, PLAIN, scope=scope)
    async with client, client.get(api.url) as response:
        assert (await response.json())["scope"] == ["things:read"]


@pytest.mark.rule("R007", "R029", "R033", "R062", "R082")
@pytest.mark.parametrize("client_id", [PLAIN.client_id, "nobody"])
async def test_wrong_secret_returns_the_error_of_the_provider(
    provider: Provider, api: ResourceServer, session: ClientSession, client_id: str
) -> None:
    """The client returns the 401, the manager raises it; the API gets no request."""
    wrong = ClientRegistration(client_id, "not-the-secret")
    basic = ClientSecretBasic()  # the method is not detected, so there is one request
    async with (
        make_client(provider, wrong, client_auth=basic) as client,
        client.get(api.url) as response,
    ):
        assert response.status == 401
        assert str(response.url) == provider.token_endpoint
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert (await response.json())["error"] == "invalid_client"
    with pytest.raises(TokenHTTPError) as caught:
        await make_manager(provider, wrong, client_auth=basic).get_token()
    assert caught.value.response_status == 401
    assert caught.value.error == "invalid_client"
    assert "invalid_client" in (caught.value.response_text or "")
    assert "not-the-secret" not in str(caught.value)
    assert api.statuses == []
    assert await provider.counts(session) == Counts(granted=0, refused=2, failed=0)


@pytest.mark.rule("R056", "R061")
async def test_revoked_token_is_renewed_once(
    provider: Provider, api: ResourceServer, session: ClientSession
) -> None:
    """After a 401 the token is renewed and the request is repeated with its body."""
    async with make_client(provider, PLAIN, scope="things:write") as client:
        assert (await client.get(api.url)).status == 200
        await revoke_token_of(provider, client, session)
        async with client.post(api.url, json={"name": "alf"}) as response:
            assert response.status == 200
            assert (await response.json())["body"] == '{"name": "alf"}'
        assert (await client.get(api.url)).status == 200
    assert api.statuses == [200, 401, 200, 200]
    assert await provider.counts(session) == Counts(granted=2, refused=0, failed=0)


async def revoke_token_of(provider: Provider, client: Client, session: ClientSession) -> None:
    """Revoke the token that the client uses."""
    token = await client._token_manager.get_token()  # noqa: SLF001 - users need no access to it
    await provider.revoke(session, token, PLAIN)


@pytest.mark.rule("R060", "R070")
async def test_concurrent_requests_after_a_revocation_make_one_token_request(
    provider: Provider, api: ResourceServer, session: ClientSession
) -> None:
    """200 requests get a 401, share one token request, and succeed."""
    async with (
        ClientSession(connector=TCPConnector(limit=0)) as wide,
        make_client(provider, PLAIN, session=wide) as client,
        asyncio.timeout(BOUND_SECONDS),
    ):
        assert (await client.get(api.url)).status == 200
        await revoke_token_of(provider, client, session)
        api.hold_until_arrived(MANY)
        responses = await asyncio.gather(*(client.get(api.url) for _ in range(MANY)))
    assert [response.status for response in responses] == [200] * MANY
    assert api.statuses[1:].count(401) == MANY
    assert await provider.counts(session) == Counts(granted=2, refused=0, failed=0)


@pytest.mark.rule("R070")
async def test_concurrent_first_requests_make_one_token_request(
    provider: Provider, api: ResourceServer, session: ClientSession, client: Client
) -> None:
    """200 requests of a new client share one token request."""
    async with asyncio.timeout(BOUND_SECONDS):
        responses = await asyncio.gather(*(client.get(api.url) for _ in range(MANY)))
    assert [response.status for response in responses] == [200] * MANY
    assert await provider.counts(session) == Counts(granted=1, refused=0, failed=0)


@pytest.mark.rule("R025")
async def test_expired_token_is_renewed_before_the_request(
    provider: Provider, api: ResourceServer, session: ClientSession
) -> None:
    """After two seconds the next request has a new token, without a 401."""
    manager = make_manager(provider, SHORT_LIVED)
    first = await manager.get_token()
    assert await manager.get_token() == first
    async with ClientSession(middlewares=[OAuth2Middleware(manager)]) as authorized:
        assert (await authorized.get(api.url)).status == 200
        await asyncio.sleep(
            SHORT_LIVED.lifetime
        )  # no event says that the provider's clock has passed the expiry
        assert (await authorized.get(api.url)).status == 200
    assert await manager.get_token() != first
    assert api.statuses == [200, 200]
    assert await provider.counts(session) == Counts(granted=2, refused=0, failed=0)
