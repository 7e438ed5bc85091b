"""Token exchange (RFC 8693) and the JWT bearer grant (RFC 7523) at oidc-provider.

The provider has neither; `grants.js` adds them as custom grants, with its clients, tokens and
introspection. The checks of their parameters are our reading of the RFCs.
"""

from collections.abc import Callable

import pytest
from aiohttp import ClientSession
from joserfc import jwk

from aioalf import TokenHTTPError
from aioalf.grants import ACCESS_TOKEN, REFRESH_TOKEN, ClientCredentials, JWTBearer, TokenExchange
from tests.client_auth.proofs import pem_of
from tests.interop.client_registrations import (
    RESOURCE_SERVER,
    SCOPE,
    ClientRegistration,
    make_client,
)
from tests.interop.conftest import CallApi
from tests.interop.provider import Provider, Setup
from tests.interop.resource_server import ResourceServer

KEY, OTHER = jwk.ECKey.generate_key("P-256"), jwk.ECKey.generate_key("P-256")
DOWNSTREAM = "https://downstream.example.com"
ASSERTING_CLIENT = ClientRegistration(
    "asserting-client",
    "asserting-client-secret",
    scope=SCOPE,
    extra_metadata={"grant_types": [JWTBearer.name]},
)
GATEWAY = ClientRegistration(
    "gateway",
    "gateway-secret",
    scope=SCOPE,
    extra_metadata={"grant_types": [TokenExchange.name, ClientCredentials.name]},
)


@pytest.fixture(scope="module")
def setup() -> Setup:
    """A client that may use assertions, and a gateway that exchanges tokens."""
    return Setup(
        [ASSERTING_CLIENT, GATEWAY, RESOURCE_SERVER],
        resources={DOWNSTREAM: SCOPE},
        assertion_issuers={"https://hr.example.com": dict(KEY.as_dict(private=False))},
    )


def bearer(key: jwk.ECKey = KEY, **options: str) -> JWTBearer:
    """Return a JWT bearer grant with an assertion about alf."""
    claims = {"issuer": "https://hr.example.com", "subject": "alf", **options}
    return JWTBearer(pem_of(key), algorithm="ES256", **claims)  # type: ignore[arg-type]


async def incoming_token(provider: Provider) -> str:
    """Return a token of alf, as a gateway receives it."""
    async with make_client(
        provider, ASSERTING_CLIENT, grant=bearer(), scope="things:read"
    ) as client:
        return await client._token_manager.get_token()  # noqa: SLF001 - users need no access to it


@pytest.mark.rule("R150")
async def test_jwt_bearer_grant_gets_a_token_of_the_subject(
    provider: Provider, session: ClientSession, api: ResourceServer, call_api: CallApi
) -> None:
    """The token is for the subject, and each token request has a new assertion."""
    async with make_client(
        provider, ASSERTING_CLIENT, grant=bearer(), scope="things:read"
    ) as client:
        info = await call_api(client)
        api.reject_known_tokens()
        assert (await call_api(client))["user"] == "alf"
    assert (info["user"], info["client_id"], info["scope"]) == (
        "alf",
        "asserting-client",
        ["things:read"],
    )
    assert await provider.requests(session) == [JWTBearer.name] * 2


@pytest.mark.rule("R029", "R033")
@pytest.mark.parametrize(
    "grant",
    [
        lambda: bearer(OTHER),
        lambda: bearer(issuer="https://evil.example"),
        lambda: bearer(audience="https://another.example"),
    ],
    ids=["another key", "another issuer", "another server"],
)
async def test_invalid_assertion_is_rejected_once(
    provider: Provider, session: ClientSession, grant: Callable[[], JWTBearer]
) -> None:
    """The error invalid_grant is raised, without a retry."""
    async with make_client(
        provider, ASSERTING_CLIENT, grant=grant(), raise_token_errors=True
    ) as client:
        with pytest.raises(TokenHTTPError) as caught:
            await client.get(f"{provider.issuer}/things")
    assert caught.value.error == "invalid_grant"
    assert await provider.requests(session) == [f"{JWTBearer.name} invalid_grant"]


@pytest.mark.rule("R126", "R156", "R157")
async def test_token_exchange_keeps_the_user(provider: Provider, call_api: CallApi) -> None:
    """The new token is for the same user, the gateway and one resource."""
    grant = TokenExchange(await incoming_token(provider), ACCESS_TOKEN)
    async with make_client(
        provider, GATEWAY, grant=grant, scope="things:read", resource=DOWNSTREAM
    ) as client:
        info = await call_api(client)
    assert (info["user"], info["client_id"]) == ("alf", "gateway")
    assert (info["audience"], info["scope"]) == (DOWNSTREAM, ["things:read"])


@pytest.mark.rule("R156")
async def test_token_exchange_with_an_actor_token(provider: Provider, call_api: CallApi) -> None:
    """Subject and actor token are fetched when they are needed."""
    async with make_client(provider, GATEWAY) as gateway:
        grant = TokenExchange(
            lambda: incoming_token(provider),
            ACCESS_TOKEN,
            actor_token=gateway._token_manager.get_token,  # noqa: SLF001 - users need no access to it
            actor_token_type=ACCESS_TOKEN,
            requested_token_type=ACCESS_TOKEN,
        )
        async with make_client(provider, GATEWAY, grant=grant) as client:
            assert (await call_api(client))["user"] == "alf"


@pytest.mark.rule("R029", "R126", "R157")
@pytest.mark.parametrize(
    ("kind", "resource", "error"),
    [
        (REFRESH_TOKEN, None, "invalid_request"),
        (ACCESS_TOKEN, "https://elsewhere.example.com", "invalid_target"),
    ],
    ids=["another kind of token", "another resource"],
)
async def test_rejected_exchange_raises_the_error_of_the_provider(
    provider: Provider, session: ClientSession, kind: str, resource: str | None, error: str
) -> None:
    """The request is sent once, and the error does not contain the subject token."""
    token = await incoming_token(provider)
    await provider.reset_counts(session)
    async with make_client(
        provider,
        GATEWAY,
        grant=TokenExchange(token, kind),
        resource=resource,
        raise_token_errors=True,
    ) as client:
        with pytest.raises(TokenHTTPError) as caught:
            await client.get(f"{provider.issuer}/things")
    assert caught.value.error == error
    assert token not in str(caught.value)
    assert await provider.requests(session) == [f"{TokenExchange.name} {error}"]


@pytest.mark.rule("R157")
async def test_revoked_subject_token_is_rejected(
    provider: Provider, session: ClientSession, api: ResourceServer
) -> None:
    """The exchanged token stays valid; the next exchange fails."""
    token = await incoming_token(provider)
    async with make_client(provider, GATEWAY, grant=TokenExchange(token, ACCESS_TOKEN)) as client:
        assert (await client.get(api.url)).status == 200
        await provider.revoke(session, token, ASSERTING_CLIENT)
        assert (await client.get(api.url)).status == 200
        api.reject_known_tokens()
        rejected = await client.get(api.url)
    assert (rejected.status, (await rejected.json())["error"]) == (400, "invalid_request")
