"""The JWT bearer grant."""

import pickle
import time
from collections.abc import Mapping
from typing import Any, cast

import pytest
from joserfc import jwk, jwt

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.errors import TokenConfigurationError, TokenConnectionError, TokenHTTPError
from aioalf.grants import JWTBearer
from aioalf.testing import OAuthServer
from tests.grants.source import ScriptedSource, ServerSource

EC = jwk.ECKey.generate_key("P-256")
ISSUER = "https://auth.example.com"


def members(key: jwk.Key, *, private: bool) -> Mapping[str, object]:
    """Return a key as a JWK."""
    return cast("Mapping[str, object]", key.as_dict(private=private))


def grant_of(**options: Any) -> JWTBearer:
    """Return a grant that signs with ES256."""
    settings: dict[str, Any] = {"algorithm": "ES256", "issuer": "service", **options}
    return JWTBearer(members(EC, private=True), **settings)


async def assertion_of(source: ScriptedSource, **options: Any) -> jwt.Token:
    """Request a token and return the verified assertion."""
    await grant_of(**options).request_token(source)
    return jwt.decode(str(source.forms[-1]["assertion"]), EC, algorithms=["ES256"])


async def test_assertion_returns_a_token(oauth_server: OAuthServer) -> None:
    """The server trusts the issuer of the assertion; the token has the requested scope."""
    oauth_server.trust_assertions("service", members(EC, private=False))
    asked = TokenRequestParams("things", "https://api.example.com/")
    source = ServerSource(oauth_server, asked)
    token = await grant_of(subject="Ada").request_token(source)
    assert token.is_valid()
    assert token.scope == frozenset({"things"})


async def test_assertion_of_unknown_issuer_raises(oauth_server: OAuthServer) -> None:
    """The error carries the server's error code, invalid_grant."""
    with pytest.raises(TokenHTTPError) as caught:
        await grant_of().request_token(ServerSource(oauth_server))
    assert caught.value.error == "invalid_grant"


async def test_default_claims() -> None:
    """By default the subject is the issuer, the audience the server, the lifetime a minute."""
    before = int(time.time())
    token = await assertion_of(ScriptedSource(), key_id="k1", claims={"scope": "things"})
    claims = token.claims
    assert token.header == {"alg": "ES256", "kid": "k1"}
    assert claims["iss"] == claims["sub"] == "service"
    assert claims["aud"] == ISSUER
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] == claims["iat"] + 60
    assert claims["scope"] == "things"


async def test_claims_can_be_set() -> None:
    """Subject, audience and lifetime are options."""
    claims = (
        await assertion_of(ScriptedSource(), subject="Ada", audience="urn:a", lifetime=600)
    ).claims
    assert (claims["sub"], claims["aud"]) == ("Ada", "urn:a")
    assert claims["exp"] == claims["iat"] + 600


async def test_audience_is_the_token_endpoint_if_the_issuer_is_unknown() -> None:
    """RFC 7523 §3 allows the URL of the token endpoint as audience."""
    token = await assertion_of(ScriptedSource(issuer=None))
    assert token.claims["aud"] == f"{ISSUER}/token_endpoint"


async def test_each_request_has_a_new_assertion() -> None:
    """An assertion is not sent twice, even if the first request had no response."""
    source = ScriptedSource(TokenConnectionError("timed out"))
    identifiers: set[str] = set()
    for _ in range(2):
        with pytest.raises(TokenConnectionError):
            await grant_of().request_token(source)
        token = jwt.decode(str(source.forms[-1]["assertion"]), EC, algorithms=["ES256"])
        identifiers.add(token.claims["jti"])
    assert len(identifiers) == 2
    assert source.repeatable == [False, False]


async def test_key_can_be_a_function_and_algorithm_defaults_to_rs256() -> None:
    """The function is called for each assertion."""
    rsa = jwk.RSAKey.generate_key(2048)
    source = ScriptedSource()
    await JWTBearer(lambda: rsa.as_pem(private=True), issuer="service").request_token(source)
    token = jwt.decode(str(source.forms[0]["assertion"]), rsa, algorithms=["RS256"])
    assert token.claims["iss"] == "service"


@pytest.mark.parametrize(
    "options",
    [
        *({"issuer": ""}, {"issuer": 5}, {"subject": ""}, {"audience": ["a"]}, {"lifetime": 0}),
        *({"lifetime": 1.5}, {"lifetime": True}, {"algorithm": "HS256"}),
        *({"claims": 5}, {"claims": {"sub": "x"}}, {"claims": {"a": 1, "exp": 5}}),
    ],
    ids=str,
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """The constructor raises, not the first token request."""
    with pytest.raises(TokenConfigurationError):
        grant_of(**options)


def test_key_is_not_in_repr_and_cannot_be_pickled() -> None:
    """The grant hides its key, and uses a new assertion instead of a refresh token."""
    grant = grant_of()
    assert repr(grant).startswith("<aioalf.grants.jwt_bearer.JWTBearer object")
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(grant)
    assert grant.can_begin
    assert not grant.keeps_refresh_token
