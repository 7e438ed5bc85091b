"""Clients that prove who they are with a JSON Web Token (RFC 7523 §2.2)."""

import sys
import time
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import post
from tests.testing.plain_client import CLIENT_CREDENTIALS, Answered, basic, refusal, send
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


async def ask(
    session: ClientSession,
    server: OAuthServer,
    assertion: str,
    headers: dict[str, str] | None = None,
    /,
    **more: str,
) -> Answered:
    """Ask for a token with an assertion."""
    form = {
        **CLIENT_CREDENTIALS,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **more,
    }
    return await post(session, server.token_endpoint, form, headers or {})


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server that knows a client by its key, and one by its secret."""
    oauth_server.add_client("by-key", public_key=public(EC))
    oauth_server.add_client("by-secret", SECRET, auth_methods=["client_secret_jwt"])
    return oauth_server


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(EC, "ES256"), (RSA, "RS256"), (RSA, "PS256"), (ED, "EdDSA"), (ED, "Ed25519")],
)
async def test_a_client_signs_with_its_key(
    server: OAuthServer, session: ClientSession, key: Key, algorithm: str
) -> None:
    """`private_key_jwt`, with any algorithm in use; `client_id` may be beside it."""
    server.add_client("by-key", public_key=public(key))
    for more in ({}, {"client_id": "by-key"}):
        assertion = signed(claims("by-key", server.issuer), key, algorithm)
        assert (await ask(session, server, assertion, **more)).status == 200


async def test_a_client_signs_with_its_secret(server: OAuthServer, session: ClientSession) -> None:
    """`client_secret_jwt`: the secret itself is not sent."""
    assertion = signed(claims("by-secret", server.issuer), HMAC, "HS256")
    assert (await ask(session, server, assertion)).status == 200


async def test_a_key_set_is_searched_by_key_id(server: OAuthServer, session: ClientSession) -> None:
    """A client that rotates its keys registers several."""
    keys: dict[str, tuple[Key, str]] = {"rsa": (RSA, "RS256"), "ec": (EC, "ES256")}
    jwks = [{**public(key), "kid": key_id} for key_id, (key, _) in keys.items()]
    server.add_client("by-key", public_key={"keys": jwks})
    for key_id, (key, algorithm) in keys.items():
        assertion = signed(claims("by-key", server.issuer), key, algorithm, key_id=key_id)
        assert (await ask(session, server, assertion)).status == 200
    assertion = signed(claims("by-key", server.issuer), key_id="older")
    assert refusal(await ask(session, server, assertion)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://evil.example"},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1},
        pytest.param({"exp": time.time() + 90_000}, id="exp in 25 hours"),
        pytest.param({"iat": time.time() + 600}, id="iat in 10 minutes"),
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
async def test_each_claim_has_to_be_right(
    server: OAuthServer, session: ClientSession, changed: dict[str, object]
) -> None:
    """401 `invalid_client` (RFC 7523 §3, §3.2)."""
    assertion = signed(claims("by-key", server.issuer, **changed))
    assert refusal(await ask(session, server, assertion)) == (401, "invalid_client")


async def test_the_audience_is_the_issuer_alone(
    server: OAuthServer, session: ClientSession
) -> None:
    """Neither a list nor the token endpoint, unless the server is told to want that."""
    for audience in ([server.issuer], server.token_endpoint):
        assertion = signed(claims("by-key", audience))
        assert refusal(await ask(session, server, assertion)) == (401, "invalid_client")
    server.assertion_audience = server.token_endpoint
    assertion = signed(claims("by-key", server.token_endpoint))
    assert (await ask(session, server, assertion)).status == 200


async def test_an_assertion_is_good_once(server: OAuthServer, session: ClientSession) -> None:
    """The second use of a `jti` is a replay."""
    assertion = signed(claims("by-key", server.issuer))
    assert (await ask(session, server, assertion)).status == 200
    again = await ask(session, server, assertion)
    assert refusal(again) == (401, "invalid_client")
    assert "used before" in again.text


async def test_a_signature_has_to_be_the_clients(
    server: OAuthServer, session: ClientSession
) -> None:
    """Another key's, none at all, another algorithm's, or what is no token."""
    said = claims("by-key", server.issuer)
    forged = [
        signed(said, RSA, "RS256"),
        signed(said, HMAC, "HS256"),
        unsigned({"alg": "none"}, said),
        unsigned({"alg": "none"}, [said]),
        signed(said)[:-8],
        "not.a",
        "not.a.token",
        "\u00e9.a.token",
    ]
    for assertion in forged:
        answered = await ask(session, server, assertion)
        assert refusal(answered) == (401, "invalid_client"), assertion


async def test_a_client_without_a_key_proves_nothing(
    server: OAuthServer, session: ClientSession
) -> None:
    """A registration may be wrong, too."""
    server.add_client("keyless", auth_methods=["private_key_jwt"])
    assertion = signed(claims("keyless", server.issuer))
    assert refusal(await ask(session, server, assertion)) == (401, "invalid_client")


async def test_an_assertion_comes_alone_and_with_its_type(
    server: OAuthServer, session: ClientSession
) -> None:
    """One way to authenticate a request, and no other client's name (RFC 7521 §4.2)."""
    for more in (
        {"client_secret": SECRET},
        {"client_assertion_type": "jwt"},
        {"client_id": "another"},
    ):
        assertion = signed(claims("by-key", server.issuer))
        answered = await ask(session, server, assertion, **more)
        assert refusal(answered) == (400, "invalid_request")
    assertion = signed(claims("by-key", server.issuer))
    answered = await ask(session, server, assertion, basic())
    assert refusal(answered) == (400, "invalid_request")


async def test_an_assertion_in_the_url_is_refused(
    server: OAuthServer, session: ClientSession
) -> None:
    """As a secret would be."""
    url = f"{server.token_endpoint}?client_assertion=x"
    answered = await send(session, "POST", url, headers=basic(), data=CLIENT_CREDENTIALS)
    assert refusal(answered) == (400, "invalid_request")


async def test_each_endpoint_takes_assertions(server: OAuthServer, session: ClientSession) -> None:
    """As at the token endpoint, with the issuer as the audience."""
    for url in (server.revocation_endpoint, server.introspection_endpoint):
        form = {
            "token": "x",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": signed(claims("by-key", server.issuer)),
        }
        assert (await post(session, url, form, {})).status == 200


async def test_methods_can_be_switched_off(server: OAuthServer, session: ClientSession) -> None:
    """What the server does not take, no client may use."""
    server.client_auth_methods = ["client_secret_basic"]
    assertion = signed(claims("by-key", server.issuer))
    assert refusal(await ask(session, server, assertion)) == (401, "invalid_client")
    said = (await send(session, "GET", server.issuer + WELL_KNOWN)).json
    assert said["token_endpoint_auth_methods_supported"] == ["client_secret_basic"]
    assert "token_endpoint_auth_signing_alg_values_supported" not in said


async def test_the_metadata_names_the_algorithms(
    server: OAuthServer, session: ClientSession
) -> None:
    """Where assertions are taken, with what they may be signed (RFC 8414 §2)."""
    said = (await send(session, "GET", server.issuer + WELL_KNOWN)).json
    algorithms = cast("list[str]", said["token_endpoint_auth_signing_alg_values_supported"])
    assert {"HS256", "ES256", "EdDSA"} <= set(algorithms)
    assert "none" not in algorithms


def test_a_registration_that_cannot_work_is_a_mistake() -> None:
    """Unknown methods, and secrets that are too short to sign with (RFC 7518 §3.2)."""
    server = OAuthServer()
    with pytest.raises(ValueError, match="basic: use client_secret_basic, "):
        server.add_client("x", "secret", auth_methods=["basic"])
    for secret in (None, "secret"):
        with pytest.raises(ValueError, match="at least 32 octets"):
            server.add_client("x", secret, auth_methods=["client_secret_jwt"])


@pytest.mark.parametrize("key", [{}, {"kty": "EC"}, {"keys": []}, {"keys": 5}, {"keys": [5]}])
def test_a_key_that_is_none_is_a_mistake(key: dict[str, object]) -> None:
    """It is told where it is given, not where it is used."""
    server = OAuthServer()
    with pytest.raises(ValueError, match="A public key is a JWK, or a JWK set: "):
        server.add_client("x", public_key=key)
    with pytest.raises(ValueError, match="A public key is a JWK, or a JWK set: "):
        server.trust_assertions("https://issuer.example", key)


async def test_without_the_extra_there_are_no_assertions(
    monkeypatch: pytest.MonkeyPatch, session: ClientSession
) -> None:
    """The error says what to install, and the metadata does not promise them."""
    monkeypatch.setitem(sys.modules, "joserfc", None)
    async with OAuthServer() as server:
        with pytest.raises(RuntimeError, match=r"pip install 'aio-alf\[jose\]'"):
            server.add_client("by-key", public_key=public(EC))
        with pytest.raises(RuntimeError, match=r"pip install 'aio-alf\[jose\]'"):
            server.trust_assertions("https://issuer.example", public(EC))
        said = (await send(session, "GET", server.issuer + WELL_KNOWN)).json
    methods = ["client_secret_basic", "client_secret_post", "none"]
    assert said["token_endpoint_auth_methods_supported"] == methods
    assert "jwt-bearer" not in str(said["grant_types_supported"])
