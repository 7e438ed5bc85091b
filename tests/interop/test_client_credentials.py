"""Client credentials against oidc-provider, and a resource server that asks it about each token."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, TCPConnector

from aioalf import (
    Client,
    ClientSecretBasic,
    OAuth2Middleware,
    TokenError,
    TokenHTTPError,
    TokenManager,
)
from tests.interop.provider import Provider, Seen, Setup
from tests.interop.registered import AT_THE_PROVIDER, PLAIN, SHORT_LIVED, SPECIAL, Registered
from tests.interop.resource_server import ResourceServer

MANY = 200
BOUND_SECONDS = 30


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Three clients and the resource server."""
    return Setup([PLAIN, SPECIAL, SHORT_LIVED, AT_THE_PROVIDER])


def client_of(provider: Provider, registered: Registered, **options: object) -> Client:
    """A client with this id and secret."""
    return Client(
        token_endpoint=provider.token_endpoint,
        client_id=registered.client_id,
        client_secret=registered.client_secret,
        **options,  # type: ignore[arg-type]
    )


def manager_of(provider: Provider, registered: Registered, **options: object) -> TokenManager:
    """A token manager with this id and secret."""
    return TokenManager(
        provider.token_endpoint,
        registered.client_id,
        registered.client_secret,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
async def client(provider: Provider) -> AsyncIterator[Client]:
    """A client with the plain id and secret."""
    async with client_of(provider, PLAIN) as client:
        yield client


async def test_without_a_token_the_resource_is_closed(
    things: ResourceServer, session: ClientSession
) -> None:
    """The resource server does refuse: what the other tests get, they get by their token."""
    assert (await session.get(things.url)).status == 401
    for value in ("Bearer never-issued", "Basic never-issued"):
        assert (await session.get(things.url, headers={"Authorization": value})).status == 401


@pytest.mark.rule("R001", "R006", "R008", "R012", "R051")
@pytest.mark.parametrize("registered", [PLAIN, SPECIAL], ids=["plain", "special"])
async def test_the_provider_vouches_for_the_token_of_a_request(
    provider: Provider, things: ResourceServer, session: ClientSession, registered: Registered
) -> None:
    """A request arrives with a token of the very client, whatever its id and secret are made of."""
    async with client_of(provider, registered) as client:
        async with client.get(things.url) as response:
            assert response.status == 200
            assert (await response.json())["client_id"] == registered.client_id
        async with client.get(things.url) as response:
            assert response.status == 200
    assert await provider.seen(session) == Seen(granted=1, refused=0, failed=0)
    assert things.statuses == [200, 200]


async def test_a_bare_session_with_the_middleware_is_let_in(
    provider: Provider, things: ResourceServer
) -> None:
    """The middleware alone makes any aiohttp session one that the resource server lets in."""
    middleware = OAuth2Middleware(manager_of(provider, SPECIAL), allowed_origins=[things.url])
    async with ClientSession(middlewares=[middleware]) as session:
        assert (await session.get(things.url)).status == 200


@pytest.mark.rule("R006")
async def test_unencoded_credentials_are_one_option_away_and_refused_here(
    provider: Provider, things: ResourceServer, session: ClientSession
) -> None:
    """Sent as they are, id and secret reach a provider that decodes them as something else."""
    raw = ClientSecretBasic(form_encode=False)
    with pytest.raises(TokenHTTPError) as caught:
        await manager_of(provider, SPECIAL, client_auth=raw).get_token()
    assert caught.value.response_status == 400
    assert caught.value.error == "invalid_request"
    async with client_of(provider, PLAIN, client_auth=raw) as client:
        assert (await client.get(things.url)).status == 200
    assert await provider.seen(session) == Seen(granted=1, refused=1, failed=0)


@pytest.mark.rule("R012", "R016", "R027")
async def test_the_scope_asked_for_is_the_scope_granted(
    provider: Provider, things: ResourceServer
) -> None:
    """Both scopes open the resource for writing, in whatever form they were given."""
    for scope in ("things:write things:read", {"things:read", "things:write"}):
        client = client_of(provider, PLAIN, scope=scope)
        async with client, client.post(things.url) as response:
            assert response.status == 200
            assert set((await response.json())["scope"]) == {"things:read", "things:write"}


@pytest.mark.rule("R016", "R058")
async def test_no_more_scope_than_asked_for_and_no_renewal_for_a_403(
    provider: Provider, things: ResourceServer, session: ClientSession
) -> None:
    """A token for reading does not write; the 403 is returned, and no other token is asked for."""
    async with client_of(provider, PLAIN, scope="things:read") as client:
        async with client.get(things.url) as response:
            assert (await response.json())["scope"] == ["things:read"]
        assert (await client.post(things.url)).status == 403
    assert things.statuses == [200, 403]
    assert await provider.seen(session) == Seen(granted=1, refused=0, failed=0)


@pytest.mark.rule("R029", "R062")
async def test_a_scope_beyond_the_client_is_refused(
    provider: Provider, things: ResourceServer
) -> None:
    """The provider's invalid_scope is returned by the client; the resource is not asked."""
    async with client_of(provider, SPECIAL, scope="things:write") as client:
        response = await client.get(things.url)
        assert response.status == 400
        assert (await response.json())["error"] == "invalid_scope"
    assert things.statuses == []


@pytest.mark.rule("R027")
async def test_less_scope_than_asked_for_is_an_error_unless_allowed(
    provider: Provider, things: ResourceServer
) -> None:
    """The provider leaves out a scope that it does not know: nobody goes on unawares."""
    scope = "things:read things:burn"
    with pytest.raises(TokenError, match="things:burn"):
        await manager_of(provider, PLAIN, scope=scope).get_token()
    client = client_of(provider, PLAIN, scope=scope, allow_narrower_scope=True)
    async with client, client.get(things.url) as response:
        assert (await response.json())["scope"] == ["things:read"]


@pytest.mark.rule("R007", "R029", "R033", "R062", "R082")
@pytest.mark.parametrize("client_id", [PLAIN.client_id, "nobody"])
async def test_a_wrong_secret_gives_the_providers_answer(
    provider: Provider, things: ResourceServer, session: ClientSession, client_id: str
) -> None:
    """The client returns the provider's 401, the manager raises it; the resource is not asked."""
    wrong = Registered(client_id, "not-the-secret")
    async with client_of(provider, wrong) as client, client.get(things.url) as response:
        assert response.status == 401
        assert str(response.url) == provider.token_endpoint
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert (await response.json())["error"] == "invalid_client"
    with pytest.raises(TokenHTTPError) as caught:
        await manager_of(provider, wrong).get_token()
    assert caught.value.response_status == 401
    assert caught.value.error == "invalid_client"
    assert "invalid_client" in (caught.value.response_text or "")
    assert "not-the-secret" not in str(caught.value)
    assert things.statuses == []
    assert await provider.seen(session) == Seen(granted=0, refused=2, failed=0)


@pytest.mark.rule("R056", "R061")
async def test_a_token_revoked_in_mid_life_is_renewed_once(
    provider: Provider, things: ResourceServer, session: ClientSession
) -> None:
    """After the provider revoked the token, a request is refused, renewed and sent again whole."""
    async with client_of(provider, PLAIN, scope="things:write") as client:
        assert (await client.get(things.url)).status == 200
        await revoke_token_of(provider, client, session)
        async with client.post(things.url, json={"name": "alf"}) as response:
            assert response.status == 200
            assert (await response.json())["body"] == '{"name": "alf"}'
        assert (await client.get(things.url)).status == 200
    assert things.statuses == [200, 401, 200, 200]
    assert await provider.seen(session) == Seen(granted=2, refused=0, failed=0)


async def revoke_token_of(provider: Provider, client: Client, session: ClientSession) -> None:
    """Have the provider revoke the token that the client uses."""
    token = await client._token_manager.get_token()  # noqa: SLF001 - users need not know it
    await provider.revoke(session, token, PLAIN)


@pytest.mark.rule("R060", "R070")
async def test_many_requests_after_a_revocation_make_one_token_request(
    provider: Provider, things: ResourceServer, session: ClientSession
) -> None:
    """200 requests are refused at once: one token request, and each of them is answered."""
    async with (
        ClientSession(connector=TCPConnector(limit=0)) as wide,
        client_of(provider, PLAIN, session=wide) as client,
        asyncio.timeout(BOUND_SECONDS),
    ):
        assert (await client.get(things.url)).status == 200
        await revoke_token_of(provider, client, session)
        things.hold_until_arrived(MANY)
        answers = await asyncio.gather(*(client.get(things.url) for _ in range(MANY)))
    assert [answer.status for answer in answers] == [200] * MANY
    assert things.statuses[1:].count(401) == MANY
    assert await provider.seen(session) == Seen(granted=2, refused=0, failed=0)


@pytest.mark.rule("R070")
async def test_many_first_requests_make_one_token_request(
    provider: Provider, things: ResourceServer, session: ClientSession, client: Client
) -> None:
    """200 requests of a client that has no token yet share one token request."""
    async with asyncio.timeout(BOUND_SECONDS):
        answers = await asyncio.gather(*(client.get(things.url) for _ in range(MANY)))
    assert [answer.status for answer in answers] == [200] * MANY
    assert await provider.seen(session) == Seen(granted=1, refused=0, failed=0)


@pytest.mark.rule("R025")
async def test_an_expired_token_is_replaced_before_anyone_refuses_it(
    provider: Provider, things: ResourceServer, session: ClientSession
) -> None:
    """Once a token's two seconds are over, the next request has a new one, and no 401 is seen."""
    manager = manager_of(provider, SHORT_LIVED)
    first = await manager.get_token()
    assert await manager.get_token() == first
    async with ClientSession(middlewares=[OAuth2Middleware(manager)]) as authorized:
        assert (await authorized.get(things.url)).status == 200
        await asyncio.sleep(SHORT_LIVED.lifetime)  # by the provider's own clock: no event tells
        assert (await authorized.get(things.url)).status == 200
    assert await manager.get_token() != first
    assert things.statuses == [200, 200]
    assert await provider.seen(session) == Seen(granted=2, refused=0, failed=0)
