"""Assertions of an issuer that the server trusts, as a grant (RFC 7523 §2.1)."""

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import post
from tests.testing.plain_client import Answered, basic, bearer, refusal, send
from tests.testing.signing import EC, RSA, claims, public, signed

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ISSUER = "https://issuer.example"


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server that trusts somebody."""
    oauth_server.trust_assertions(ISSUER, public(EC))
    return oauth_server


async def ask(
    session: ClientSession,
    server: OAuthServer,
    assertion: str,
    headers: dict[str, str] | None = None,
    /,
    **more: str,
) -> Answered:
    """Ask for a token with an assertion."""
    form = {"grant_type": JWT_BEARER, "assertion": assertion, **more}
    return await post(session, server.token_endpoint, form, headers)


@pytest.mark.parametrize(("headers", "client_id"), [(basic(), "client-id"), ({}, "")])
async def test_an_assertion_speaks_for_its_subject(
    server: OAuthServer, session: ClientSession, headers: dict[str, str], client_id: str
) -> None:
    """For a client that authenticates, and for one that does not say who it is (§3.1)."""
    assertion = signed(claims(ISSUER, server.issuer, sub="Ada"))
    answered = await ask(session, server, assertion, headers, scope="read")
    assert answered.status == 200
    assert "refresh_token" not in answered.json
    token = bearer(str(answered.json["access_token"]))
    seen = (await send(session, "GET", server.url("/"), headers=token)).json
    assert (seen["user"], seen["client_id"], seen["scope"]) == ("Ada", client_id, "read")
    assert server.granted == {JWT_BEARER: 1}


async def test_who_says_who_they_are_must_prove_it(
    server: OAuthServer, session: ClientSession
) -> None:
    """A wrong secret is not made good by an assertion; other grants need a client."""
    assertion = signed(claims(ISSUER, server.issuer))
    answered = await ask(session, server, assertion, basic(secret="wrong"))
    assert refusal(answered) == (401, "invalid_client")
    answered = await ask(session, server, assertion, {}, client_id="client-id")
    assert refusal(answered) == (401, "invalid_client")
    form = {"grant_type": JWT_BEARER, "token": "x"}
    answered = await post(session, server.revocation_endpoint, form, {})
    assert refusal(answered) == (401, "invalid_client")


async def test_the_token_endpoint_is_an_audience_too(
    server: OAuthServer, session: ClientSession
) -> None:
    """Of a grant, unlike of a client's own assertion; a `jti` is free, but good once."""
    for _ in range(2):
        assertion = signed(claims(ISSUER, server.token_endpoint, jti=None))
        assert (await ask(session, server, assertion)).status == 200
    assertion = signed(claims(ISSUER, server.issuer))
    assert (await ask(session, server, assertion)).status == 200
    assert refusal(await ask(session, server, assertion)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://stranger.example"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"aud": "https://evil.example"},
        {"exp": 1},
    ],
    ids=str,
)
async def test_each_claim_has_to_be_right(
    server: OAuthServer, session: ClientSession, changed: dict[str, object]
) -> None:
    """400 `invalid_grant` (§3.1)."""
    assertion = signed(claims(ISSUER, server.issuer, **changed))
    assert refusal(await ask(session, server, assertion)) == (400, "invalid_grant")


async def test_what_nobody_has_signed_is_no_grant(
    server: OAuthServer, session: ClientSession
) -> None:
    """Another key's signature, what is no token, and nothing."""
    forged = signed(claims(ISSUER, server.issuer), RSA, "RS256")
    assert refusal(await ask(session, server, forged)) == (400, "invalid_grant")
    assert refusal(await ask(session, server, "x")) == (400, "invalid_grant")
    answered = await post(session, server.token_endpoint, {"grant_type": JWT_BEARER})
    assert refusal(answered) == (400, "invalid_request")
