"""Assertions authenticated with the client secret."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from aioalf.client_auth import ClientSecretJWT, Credentials
from aioalf.errors import TokenConfigurationError
from tests.client_auth.proofs import EC, ISSUER, SECRET, opened, sent

URN = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.mark.rule("R005", "R150", "R151", "R152")
async def test_form_has_the_assertion_and_no_secret() -> None:
    """The form gets the id, the URN of the assertion type and the JWT; no header is sent."""
    headers, form = await sent(ClientSecretJWT())
    assertion = form.pop("client_assertion")
    assert (dict(headers), form) == ({}, {"client_id": "client-id", "client_assertion_type": URN})
    assert SECRET not in str(assertion)
    header, claims = opened(assertion, jwk.OctKey.import_key(SECRET))
    assert header == {"alg": "HS256"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client-id", "client-id", ISSUER)


@pytest.mark.rule("R150")
async def test_assertion_is_valid_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claims iat and exp are whole seconds, one minute apart."""
    monkeypatch.setattr(time, "time", lambda: 1_000.9)
    _, form = await sent(ClientSecretJWT())
    _, claims = opened(form["client_assertion"], jwk.OctKey.import_key(SECRET))
    assert (claims["iat"], claims["exp"]) == (1_000, 1_060)
    assert "nbf" not in claims


@pytest.mark.rule("R150")
async def test_each_assertion_has_a_new_jti() -> None:
    """A server that remembers the identifiers of assertions accepts each assertion."""
    method, key = ClientSecretJWT(), jwk.OctKey.import_key(SECRET)
    forms = [(await sent(method))[1] for _ in range(20)]
    names = {opened(form["client_assertion"], key)[1]["jti"] for form in forms}
    assert len(names) == 20
    assert all(isinstance(name, str) and len(name) >= 16 for name in names)


@pytest.mark.rule("R151")
async def test_audience_can_be_set() -> None:
    """The audience option replaces the issuer in the aud claim."""
    method = ClientSecretJWT(audience="https://auth.example.com/token")
    _, form = await sent(method)
    _, claims = opened(form["client_assertion"], jwk.OctKey.import_key(SECRET))
    assert claims["aud"] == "https://auth.example.com/token"


@given(st.text(st.characters(codec="utf-8"), min_size=32), st.text(min_size=1))
def test_any_secret_makes_a_verifiable_assertion(secret: str, audience: str) -> None:
    """The key is the secret in UTF-8, and the audience is in the claims unchanged."""
    method = ClientSecretJWT(audience=audience)
    _, form = asyncio.run(sent(method, Credentials("ïd", secret)))
    _, claims = opened(form["client_assertion"], jwk.OctKey.import_key(secret.encode()))
    assert (claims["sub"], claims["aud"]) == ("ïd", audience)


@pytest.mark.parametrize(("algorithm", "min_bytes"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
async def test_secret_must_be_as_long_as_the_hash(algorithm: str, min_bytes: int) -> None:
    """The minimum is in bytes of UTF-8, not in characters (RFC 7518 §3.2)."""
    method = ClientSecretJWT(algorithm)
    secret = "é" * (min_bytes // 2)
    _, form = await sent(method, Credentials("id", secret))
    header, _ = opened(form["client_assertion"], jwk.OctKey.import_key(secret.encode()))
    assert header["alg"] == algorithm
    with pytest.raises(TokenConfigurationError, match=f"{min_bytes} bytes") as caught:
        await sent(method, Credentials("id", "s" * (min_bytes - 1)))
    assert "sss" not in str(caught.value)


async def test_public_key_as_secret_is_refused() -> None:
    """Anyone can have the public key and could make the assertion."""
    pem = EC[256].as_pem(private=False).decode()
    with pytest.raises(TokenConfigurationError, match="must not be a public key"):
        await sent(ClientSecretJWT(), Credentials("id", pem))


@pytest.mark.parametrize("algorithm", ["none", "RS256", "hs256", ""])
def test_unsupported_algorithm_is_refused(algorithm: str) -> None:
    """The constructor raises, and the error lists the supported algorithms."""
    with pytest.raises(TokenConfigurationError, match="HS256, HS384, HS512"):
        ClientSecretJWT(algorithm)


@pytest.mark.rule("R010")
@pytest.mark.parametrize(
    ("credentials", "missing"),
    [(Credentials(None, SECRET), "client_id"), (Credentials("id", None), "client_secret")],
)
async def test_id_and_secret_are_required(credentials: Credentials, missing: str) -> None:
    """The error says whether the id or the secret is missing."""
    with pytest.raises(TokenConfigurationError, match=f"Missing {missing}"):
        await sent(ClientSecretJWT(), credentials)
