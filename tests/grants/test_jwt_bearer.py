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
    """The key as a JWK."""
    return cast("Mapping[str, object]", key.as_dict(private=private))


def grant_of(**options: Any) -> JWTBearer:
    """A grant with a key that signs with ES256."""
    settings: dict[str, Any] = {"algorithm": "ES256", "issuer": "service", **options}
    return JWTBearer(members(EC, private=True), **settings)


async def assertion_of(source: ScriptedSource, **options: Any) -> jwt.Token:
    """What was sent, verified."""
    await grant_of(**options).request_token(source)
    return jwt.decode(str(source.forms[-1]["assertion"]), EC, algorithms=["ES256"])


async def test_an_assertion_gets_a_token(oauth_server: OAuthServer) -> None:
    """Of an issuer that the server trusts; scope and resource go beside it."""
    oauth_server.trust_assertions("service", members(EC, private=False))
    asked = TokenRequestParams("things", "https://api.example.com/")
    source = ServerSource(oauth_server, asked)
    token = await grant_of(subject="Ada").request_token(source)
    assert token.is_valid()
    assert token.scope == frozenset({"things"})


async def test_an_assertion_of_somebody_else_is_refused(oauth_server: OAuthServer) -> None:
    """With the server's word."""
    with pytest.raises(TokenHTTPError) as caught:
        await grant_of().request_token(ServerSource(oauth_server))
    assert caught.value.error == "invalid_grant"


async def test_the_claims_say_who_for_whom_to_whom_and_for_how_long() -> None:
    """The server's issuer is the sole audience, the issuer speaks for itself, for a minute."""
    before = int(time.time())
    token = await assertion_of(ScriptedSource(), key_id="k1", claims={"scope": "things"})
    claims = token.claims
    assert token.header == {"alg": "ES256", "kid": "k1"}
    assert claims["iss"] == claims["sub"] == "service"
    assert claims["aud"] == ISSUER
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] == claims["iat"] + 60
    assert claims["scope"] == "things"


async def test_the_claims_are_what_was_configured() -> None:
    """Subject, audience and lifetime."""
    claims = (
        await assertion_of(ScriptedSource(), subject="Ada", audience="urn:a", lifetime=600)
    ).claims
    assert (claims["sub"], claims["aud"]) == ("Ada", "urn:a")
    assert claims["exp"] == claims["iat"] + 600


async def test_without_an_issuer_the_audience_is_the_token_endpoint() -> None:
    """As RFC 7523 §3 has it."""
    token = await assertion_of(ScriptedSource(issuer=None))
    assert token.claims["aud"] == f"{ISSUER}/token_endpoint"


async def test_each_assertion_is_new_and_sent_once() -> None:
    """A server that takes none twice is not given one twice, though no answer came."""
    source = ScriptedSource(TokenConnectionError("timed out"))
    identifiers: set[str] = set()
    for _ in range(2):
        with pytest.raises(TokenConnectionError):
            await grant_of().request_token(source)
        token = jwt.decode(str(source.forms[-1]["assertion"]), EC, algorithms=["ES256"])
        identifiers.add(token.claims["jti"])
    assert len(identifiers) == 2
    assert source.repeatable == [False, False]


async def test_the_key_may_be_a_callable_and_the_algorithm_rs256() -> None:
    """What signs is asked for at each use; RS256 is the default."""
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
def test_what_cannot_work_is_told_when_the_grant_is_made(options: dict[str, Any]) -> None:
    """Not when the first token is needed."""
    with pytest.raises(TokenConfigurationError):
        grant_of(**options)


def test_the_grant_neither_shows_nor_pickles_its_key() -> None:
    """It needs no refresh token: the next assertion is as good."""
    grant = grant_of()
    assert repr(grant).startswith("<aioalf.grants.jwt_bearer.JWTBearer object")
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(grant)
    assert grant.can_begin
    assert not grant.keeps_refresh_token
