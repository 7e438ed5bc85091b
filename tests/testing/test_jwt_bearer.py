"""The JWT bearer grant (RFC 7523 §2.1)."""

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import post
from tests.testing.plain_client import ReadResponse, basic, bearer, error_of, send
from tests.testing.signing import EC, RSA, claims, public, signed

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ISSUER = "https://issuer.example"


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server that trusts one issuer."""
    oauth_server.trust_assertions(ISSUER, public(EC))
    return oauth_server


async def request_token(
    session: ClientSession,
    server: OAuthServer,
    assertion: str,
    headers: dict[str, str] | None = None,
    /,
    **more: str,
) -> ReadResponse:
    """Request a token with an assertion."""
    form = {"grant_type": JWT_BEARER, "assertion": assertion, **more}
    return await post(session, server.token_endpoint, form, headers)


@pytest.mark.parametrize(("headers", "client_id"), [(basic(), "client-id"), ({}, "")])
async def test_assertion_gives_a_token_for_its_subject(
    server: OAuthServer, session: ClientSession, headers: dict[str, str], client_id: str
) -> None:
    """The client may authenticate or be anonymous (§3.1)."""
    assertion = signed(claims(ISSUER, server.issuer, sub="Ada"))
    response = await request_token(session, server, assertion, headers, scope="read")
    assert response.status == 200
    assert "refresh_token" not in response.json
    token = bearer(str(response.json["access_token"]))
    described = (await send(session, "GET", server.url("/"), headers=token)).json
    assert (described["user"], described["client_id"], described["scope"]) == (
        "Ada",
        client_id,
        "read",
    )
    assert server.granted == {JWT_BEARER: 1}


async def test_named_client_must_authenticate(server: OAuthServer, session: ClientSession) -> None:
    """An assertion does not replace a wrong secret; other endpoints need a client."""
    assertion = signed(claims(ISSUER, server.issuer))
    response = await request_token(session, server, assertion, basic(secret="wrong"))
    assert error_of(response) == (401, "invalid_client")
    response = await request_token(session, server, assertion, {}, client_id="client-id")
    assert error_of(response) == (401, "invalid_client")
    form = {"grant_type": JWT_BEARER, "token": "x"}
    response = await post(session, server.revocation_endpoint, form, {})
    assert error_of(response) == (401, "invalid_client")


async def test_token_endpoint_is_a_valid_audience(
    server: OAuthServer, session: ClientSession
) -> None:
    """Issuer and token endpoint are valid; a `jti` is optional, but single-use."""
    for _ in range(2):
        assertion = signed(claims(ISSUER, server.token_endpoint, jti=None))
        assert (await request_token(session, server, assertion)).status == 200
    assertion = signed(claims(ISSUER, server.issuer))
    assert (await request_token(session, server, assertion)).status == 200
    assert error_of(await request_token(session, server, assertion)) == (400, "invalid_grant")


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
async def test_invalid_claim_is_rejected(
    server: OAuthServer, session: ClientSession, changed: dict[str, object]
) -> None:
    """400 with `invalid_grant` (§3.1)."""
    assertion = signed(claims(ISSUER, server.issuer, **changed))
    assert error_of(await request_token(session, server, assertion)) == (400, "invalid_grant")


async def test_invalid_assertion_is_rejected(server: OAuthServer, session: ClientSession) -> None:
    """A foreign signature, a malformed token and a missing assertion are rejected."""
    forged = signed(claims(ISSUER, server.issuer), RSA, "RS256")
    assert error_of(await request_token(session, server, forged)) == (400, "invalid_grant")
    assert error_of(await request_token(session, server, "x")) == (400, "invalid_grant")
    response = await post(session, server.token_endpoint, {"grant_type": JWT_BEARER})
    assert error_of(response) == (400, "invalid_request")
