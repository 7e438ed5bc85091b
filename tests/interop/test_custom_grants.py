"""Token exchange (RFC 8693) and JWT bearer (RFC 7523) at oidc-provider.

It has neither: both are on its hook for grants of one's own, in `grants.js`, with its clients, its
tokens and its introspection. What they may ask for is thus our reading of the standards.
"""

from collections.abc import Callable

import pytest
from aiohttp import ClientSession
from joserfc import jwk

from aioalf import TokenHTTPError
from aioalf.grants import ACCESS_TOKEN, REFRESH_TOKEN, ClientCredentials, JWTBearer, TokenExchange
from tests.client_auth.proofs import pem_of
from tests.interop.conftest import Ask
from tests.interop.provider import Provider, Setup
from tests.interop.registered import AT_THE_PROVIDER, SCOPE, Registered, client_of
from tests.interop.resource_server import ResourceServer

KEY, OTHER = jwk.ECKey.generate_key("P-256"), jwk.ECKey.generate_key("P-256")
DOWNSTREAM = "https://downstream.example.com"
SPEAKER = Registered(
    "speaker", "speaker-secret", scope=SCOPE, more={"grant_types": [JWTBearer.name]}
)
GATEWAY = Registered(
    "gateway",
    "gateway-secret",
    scope=SCOPE,
    more={"grant_types": [TokenExchange.name, ClientCredentials.name]},
)


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Somebody who may speak for people, and a gateway that passes on what they ask."""
    return Setup(
        [SPEAKER, GATEWAY, AT_THE_PROVIDER],
        resources={DOWNSTREAM: SCOPE},
        speakers={"https://hr.example.com": dict(KEY.as_dict(private=False))},
    )


def bearer(key: jwk.ECKey = KEY, **options: str) -> JWTBearer:
    """The grant of who speaks for alf."""
    asserted = {"issuer": "https://hr.example.com", "subject": "alf", **options}
    return JWTBearer(pem_of(key), algorithm="ES256", **asserted)  # type: ignore[arg-type]


async def incoming(provider: Provider) -> str:
    """A token of alf's, as a gateway gets it from outside."""
    async with client_of(provider, SPEAKER, grant=bearer(), scope="things:read") as client:
        return await client._token_manager.get_token()  # noqa: SLF001 - users need not know it


@pytest.mark.rule("R150")
async def test_an_assertion_speaks_for_a_person(
    provider: Provider, session: ClientSession, things: ResourceServer, ask: Ask
) -> None:
    """The token is the person's; the next is got by another assertion, for none serves twice."""
    async with client_of(provider, SPEAKER, grant=bearer(), scope="things:read") as client:
        said = await ask(client)
        things.distrust()
        assert (await ask(client))["user"] == "alf"
    assert (said["user"], said["client_id"], said["scope"]) == ("alf", "speaker", ["things:read"])
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
async def test_an_assertion_that_is_not_believed_is_refused(
    provider: Provider, session: ClientSession, grant: Callable[[], JWTBearer]
) -> None:
    """The provider's invalid_grant is raised, and nothing is tried again."""
    async with client_of(provider, SPEAKER, grant=grant(), raise_token_errors=True) as client:
        with pytest.raises(TokenHTTPError) as caught:
            await client.get(f"{provider.issuer}/things")
    assert caught.value.error == "invalid_grant"
    assert await provider.requests(session) == [f"{JWTBearer.name} invalid_grant"]


@pytest.mark.rule("R126", "R156", "R157")
async def test_a_gateway_exchanges_what_it_was_given(provider: Provider, ask: Ask) -> None:
    """The token that goes on is the person's still, the gateway's now, and for one resource."""
    grant = TokenExchange(await incoming(provider), ACCESS_TOKEN)
    async with client_of(
        provider, GATEWAY, grant=grant, scope="things:read", resource=DOWNSTREAM
    ) as client:
        said = await ask(client)
    assert (said["user"], said["client_id"]) == ("alf", "gateway")
    assert (said["audience"], said["scope"]) == (DOWNSTREAM, ["things:read"])


@pytest.mark.rule("R156")
async def test_a_gateway_says_for_whom_it_acts_and_who_it_is(provider: Provider, ask: Ask) -> None:
    """Its own token goes along as the actor's; both are asked for when they are needed."""
    async with client_of(provider, GATEWAY) as gateway:
        grant = TokenExchange(
            lambda: incoming(provider),
            ACCESS_TOKEN,
            actor_token=gateway._token_manager.get_token,  # noqa: SLF001 - as above
            actor_token_type=ACCESS_TOKEN,
            requested_token_type=ACCESS_TOKEN,
        )
        async with client_of(provider, GATEWAY, grant=grant) as client:
            assert (await ask(client))["user"] == "alf"


@pytest.mark.rule("R029", "R126", "R157")
@pytest.mark.parametrize(
    ("kind", "resource", "error"),
    [
        (REFRESH_TOKEN, None, "invalid_request"),
        (ACCESS_TOKEN, "https://elsewhere.example.com", "invalid_target"),
    ],
    ids=["another kind of token", "another resource"],
)
async def test_an_exchange_that_is_refused(
    provider: Provider, session: ClientSession, kind: str, resource: str | None, error: str
) -> None:
    """The provider's own word is raised, once, and the subject token is not shown."""
    token = await incoming(provider)
    await provider.forget(session)
    async with client_of(
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
async def test_a_subject_token_that_was_revoked_is_worth_nothing(
    provider: Provider, session: ClientSession, things: ResourceServer
) -> None:
    """What was exchanged before serves on; for the next one the provider says no."""
    token = await incoming(provider)
    async with client_of(provider, GATEWAY, grant=TokenExchange(token, ACCESS_TOKEN)) as client:
        assert (await client.get(things.url)).status == 200
        await provider.revoke(session, token, SPEAKER)
        assert (await client.get(things.url)).status == 200
        things.distrust()
        refused = await client.get(things.url)
    assert (refused.status, (await refused.json())["error"]) == (400, "invalid_request")
