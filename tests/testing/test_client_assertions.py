"""Client authentication with JSON Web Tokens (RFC 7523 §2.2)."""

import sys
import time
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import post
from tests.testing.plain_client import CLIENT_CREDENTIALS, ReadResponse, basic, error_of, send
from tests.testing.signing import (
    EC,
    ED,
    HMAC,
    RSA,
    SECRET,
    Key,
    claims,
    public,
    signed,
    unsigned,
)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
WELL_KNOWN = "/.well-known/oauth-authorization-server"


async def request_token(
    session: ClientSession,
    server: OAuthServer,
    assertion: str,
    headers: dict[str, str] | None = None,
    /,
    **more: str,
) -> ReadResponse:
    """Request a token with an assertion."""
    form = {
        **CLIENT_CREDENTIALS,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **more,
    }
    return await post(session, server.token_endpoint, form, headers or {})


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server with a client registered by key, and one by secret."""
    oauth_server.add_client("by-key", public_key=public(EC))
    oauth_server.add_client("by-secret", SECRET, auth_methods=["client_secret_jwt"])
    return oauth_server


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(EC, "ES256"), (RSA, "RS256"), (RSA, "PS256"), (ED, "EdDSA"), (ED, "Ed25519")],
)
async def test_private_key_jwt_accepts_each_algorithm(
    server: OAuthServer, session: ClientSession, key: Key, algorithm: str
) -> None:
    """`client_id` may be sent too."""
    server.add_client("by-key", public_key=public(key))
    for more in ({}, {"client_id": "by-key"}):
        assertion = signed(claims("by-key", server.issuer), key, algorithm)
        assert (await request_token(session, server, assertion, **more)).status == 200


async def test_client_secret_jwt_is_accepted(server: OAuthServer, session: ClientSession) -> None:
    """The secret itself is not sent."""
    assertion = signed(claims("by-secret", server.issuer), HMAC, "HS256")
    assert (await request_token(session, server, assertion)).status == 200


async def test_key_set_is_searched_by_key_id(server: OAuthServer, session: ClientSession) -> None:
    """A client that rotates its keys can register several."""
    keys: dict[str, tuple[Key, str]] = {"rsa": (RSA, "RS256"), "ec": (EC, "ES256")}
    jwks = [{**public(key), "kid": key_id} for key_id, (key, _) in keys.items()]
    server.add_client("by-key", public_key={"keys": jwks})
    for key_id, (key, algorithm) in keys.items():
        assertion = signed(claims("by-key", server.issuer), key, algorithm, key_id=key_id)
        assert (await request_token(session, server, assertion)).status == 200
    assertion = signed(claims("by-key", server.issuer), key_id="older")
    assert error_of(await request_token(session, server, assertion)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://evil.example"},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1},
        {"nbf": "later"},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"iss": "another"},
        {"sub": "another"},
        {"sub": None},
    ],
    ids=str,
)
async def test_invalid_claim_is_rejected(
    server: OAuthServer, session: ClientSession, changed: dict[str, object]
) -> None:
    """401 with `invalid_client` (RFC 7523 §3, §3.2)."""
    assertion = signed(claims("by-key", server.issuer, **changed))
    assert error_of(await request_token(session, server, assertion)) == (401, "invalid_client")


@pytest.mark.parametrize(("claim", "seconds"), [("exp", 90_000), ("iat", 600)])
async def test_time_too_far_in_the_future_is_rejected(
    server: OAuthServer, session: ClientSession, claim: str, seconds: int
) -> None:
    """An assertion lives a day at most, and is not from the future (RFC 7523 §3)."""
    changed: dict[str, object] = {claim: time.time() + seconds}
    assertion = signed(claims("by-key", server.issuer, **changed))
    assert error_of(await request_token(session, server, assertion)) == (401, "invalid_client")


async def test_audience_must_be_the_issuer(server: OAuthServer, session: ClientSession) -> None:
    """A list and the token endpoint are rejected, unless `assertion_audience` requires that one."""
    for audience in ([server.issuer], server.token_endpoint):
        assertion = signed(claims("by-key", audience))
        assert error_of(await request_token(session, server, assertion)) == (401, "invalid_client")
    server.assertion_audience = server.token_endpoint
    assertion = signed(claims("by-key", server.token_endpoint))
    assert (await request_token(session, server, assertion)).status == 200


async def test_assertion_is_single_use(server: OAuthServer, session: ClientSession) -> None:
    """A second use of a `jti` is a replay."""
    assertion = signed(claims("by-key", server.issuer))
    assert (await request_token(session, server, assertion)).status == 200
    again = await request_token(session, server, assertion)
    assert error_of(again) == (401, "invalid_client")
    assert "used before" in again.text


async def test_invalid_signature_is_rejected(server: OAuthServer, session: ClientSession) -> None:
    """Other keys and algorithms, missing signatures and malformed tokens are rejected."""
    payload = claims("by-key", server.issuer)
    forged = [
        signed(payload, RSA, "RS256"),
        signed(payload, HMAC, "HS256"),
        unsigned({"alg": "none"}, payload),
        unsigned({"alg": "none"}, [payload]),
        signed(payload)[:-8],
        "not.a",
        "not.a.token",
        "\u00e9.a.token",
    ]
    for assertion in forged:
        response = await request_token(session, server, assertion)
        assert error_of(response) == (401, "invalid_client"), assertion


async def test_client_without_a_key_is_rejected(
    server: OAuthServer, session: ClientSession
) -> None:
    """A client can be registered for a method without its key."""
    server.add_client("keyless", auth_methods=["private_key_jwt"])
    assertion = signed(claims("keyless", server.issuer))
    assert error_of(await request_token(session, server, assertion)) == (401, "invalid_client")


async def test_assertion_must_be_the_only_authentication(
    server: OAuthServer, session: ClientSession
) -> None:
    """Another method, a wrong type or another `client_id` is an invalid request (RFC 7521 §4.2)."""
    for more in (
        {"client_secret": SECRET},
        {"client_assertion_type": "jwt"},
        {"client_id": "another"},
    ):
        assertion = signed(claims("by-key", server.issuer))
        response = await request_token(session, server, assertion, **more)
        assert error_of(response) == (400, "invalid_request")
    assertion = signed(claims("by-key", server.issuer))
    response = await request_token(session, server, assertion, basic())
    assert error_of(response) == (400, "invalid_request")


async def test_assertion_in_the_url_is_rejected(
    server: OAuthServer, session: ClientSession
) -> None:
    """Assertions must be in the form, like secrets."""
    url = f"{server.token_endpoint}?client_assertion=x"
    response = await send(session, "POST", url, headers=basic(), data=CLIENT_CREDENTIALS)
    assert error_of(response) == (400, "invalid_request")


async def test_other_endpoints_accept_assertions(
    server: OAuthServer, session: ClientSession
) -> None:
    """Their audience is the issuer, as at the token endpoint."""
    for url in (server.revocation_endpoint, server.introspection_endpoint):
        form = {
            "token": "x",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": signed(claims("by-key", server.issuer)),
        }
        assert (await post(session, url, form, {})).status == 200


async def test_methods_can_be_disabled(server: OAuthServer, session: ClientSession) -> None:
    """`client_auth_methods` limits the accepted methods."""
    server.client_auth_methods = ["client_secret_basic"]
    assertion = signed(claims("by-key", server.issuer))
    assert error_of(await request_token(session, server, assertion)) == (401, "invalid_client")
    metadata = (await send(session, "GET", server.issuer + WELL_KNOWN)).json
    assert metadata["token_endpoint_auth_methods_supported"] == ["client_secret_basic"]
    assert "token_endpoint_auth_signing_alg_values_supported" not in metadata


async def test_metadata_lists_the_signing_algorithms(
    server: OAuthServer, session: ClientSession
) -> None:
    """The list is there if JWT methods are enabled (RFC 8414 §2)."""
    metadata = (await send(session, "GET", server.issuer + WELL_KNOWN)).json
    algorithms = cast("list[str]", metadata["token_endpoint_auth_signing_alg_values_supported"])
    assert {"HS256", "ES256", "EdDSA"} <= set(algorithms)
    assert "none" not in algorithms


def test_impossible_registration_raises_value_error() -> None:
    """Unknown methods and secrets that are too short to sign with are errors (RFC 7518 §3.2)."""
    server = OAuthServer()
    with pytest.raises(ValueError, match="basic: use client_secret_basic, "):
        server.add_client("x", "secret", auth_methods=["basic"])
    for secret in (None, "secret"):
        with pytest.raises(ValueError, match="at least 32 bytes"):
            server.add_client("x", secret, auth_methods=["client_secret_jwt"])


@pytest.mark.parametrize("key", [{}, {"kty": "EC"}, {"keys": []}, {"keys": 5}, {"keys": [5]}])
def test_invalid_public_key_raises_value_error(key: dict[str, object]) -> None:
    """The error is raised where the key is passed."""
    server = OAuthServer()
    with pytest.raises(ValueError, match="public_key must be a JWK or a JWK set: "):
        server.add_client("x", public_key=key)
    with pytest.raises(ValueError, match="public_key must be a JWK or a JWK set: "):
        server.trust_assertions("https://issuer.example", key)


async def test_assertions_need_the_extra(
    monkeypatch: pytest.MonkeyPatch, session: ClientSession
) -> None:
    """The error has the install command, and the metadata does not list JWT methods."""
    monkeypatch.setitem(sys.modules, "joserfc", None)
    async with OAuthServer() as server:
        with pytest.raises(RuntimeError, match=r"pip install 'aio-alf\[jose\]'"):
            server.add_client("by-key", public_key=public(EC))
        with pytest.raises(RuntimeError, match=r"pip install 'aio-alf\[jose\]'"):
            server.trust_assertions("https://issuer.example", public(EC))
        metadata = (await send(session, "GET", server.issuer + WELL_KNOWN)).json
    methods = ["client_secret_basic", "client_secret_post", "none"]
    assert metadata["token_endpoint_auth_methods_supported"] == methods
    assert "jwt-bearer" not in str(metadata["grant_types_supported"])
