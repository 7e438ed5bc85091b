"""The JWT bearer grant."""

import asyncio
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientSession
from joserfc import jwk, jwt

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._secret_source import SecretSource
from aioalf.caches import MemoryCache
from aioalf.client_auth import SecretFile
from aioalf.errors import (
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import JWTBearer
from aioalf.manager import TokenManager
from aioalf.middleware import OAuth2Middleware
from aioalf.retry import Retry
from aioalf.testing import MISSING, Fault, Missing, OAuthServer
from tests.grants.source import ScriptedSource, ServerSource
from tests.testing.signing import EC as SIGNING_KEY
from tests.testing.signing import claims, public, signed

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
        {"subject": "Ada", "subject_claim": False},
        *({"claims": 5}, {"claims": {"sub": "x"}}, {"claims": {"a": 1, "exp": 5}}),
        *({"scope_claim": True, "claims": {"scope": "x"}}, {"subject_key": "Ada"}),
        *({"extra_params": {"assertion": "x"}}, {"extra_params": {"client_id": "x"}}),
        *({"extra_params": 5}, {"assertion": "a.b.c"}, {"issuer": None}),
    ],
    ids=str,
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """The constructor raises, not the first token request."""
    with pytest.raises(TokenConfigurationError):
        grant_of(**options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"issuer": "service"},
        {"assertion": ""},
        {"assertion": 5},
        {"assertion": "a.b.c", "issuer": "service"},
        {"assertion": "a.b.c", "claims": {}},
        {"assertion": "a.b.c", "scope_claim": True},
        {"assertion": "a.b.c", "subject_claim": False},
        {"assertion": "a.b.c", "subject_key": "Ada"},
        {"assertion": lambda: "a.b.c", "subject_key": ""},
    ],
    ids=" ".join,
)
def test_options_of_the_other_form_are_refused(options: dict[str, Any]) -> None:
    """A grant either signs assertions or sends a given one."""
    with pytest.raises(TokenConfigurationError):
        JWTBearer(**options)


# Scope as a claim, and further parameters


async def test_scope_can_be_a_claim(oauth_server: OAuthServer) -> None:
    """The scope of the client is in the assertion, and not in the form."""
    oauth_server.trust_assertions("service", members(EC, private=False))
    grant = grant_of(scope_claim=True, extra_params={"audience_hint": "a"})
    manager = TokenManager(
        oauth_server.token_endpoint, None, None, grant=grant, scope=["things", "others"]
    )
    assert await manager.get_token()
    await manager.with_options(scope="").get_token()
    for request, scope in zip(oauth_server.log, ("things others", None), strict=True):
        assert request.form.keys() == {"grant_type", "assertion", "audience_hint"}
        token = jwt.decode(request.form["assertion"], EC, algorithms=["ES256"])
        assert token.claims.get("scope") == scope


@pytest.mark.parametrize("answered", ["things", MISSING], ids=["less", "no scope"])
async def test_scope_that_is_a_claim_is_known(
    oauth_server: OAuthServer, answered: str | Missing
) -> None:
    """The response is compared with the requested scope, although the form does not have it."""
    oauth_server.trust_assertions("service", members(EC, private=False))
    oauth_server.changes["token"] = {"scope": answered}
    options: dict[str, Any] = {"scope": ["things", "others"]}
    arguments = (oauth_server.token_endpoint, None, None)
    manager = TokenManager(*arguments, grant=grant_of(scope_claim=True), **options)
    token = await manager.token()
    missing = frozenset({"others"} if answered == "things" else ())
    assert token.missing_scope == missing
    assert token.scope == frozenset({"things", "others"}) - missing
    strict = TokenManager(
        *arguments, grant=grant_of(scope_claim=True), require_scope=True, **options
    )
    if not missing:
        assert await strict.get_token()
        return
    with pytest.raises(TokenResponseError, match="less scope than requested: others is missing"):
        await strict.get_token()


async def test_subject_can_be_left_out() -> None:
    """A server such as Google's takes it for another user. The cache entry is another one."""
    claims = (await assertion_of(ScriptedSource(), subject_claim=False)).claims
    assert claims["iss"] == "service"
    assert "sub" not in claims
    assert grant_of(subject_claim=False).subject_key != grant_of().subject_key


# Assertions from elsewhere


def user_token(server: OAuthServer, user: str) -> str:
    """Return a token with which a user called a web service."""
    server.trust_assertions("idp", public(SIGNING_KEY))
    return signed(claims("idp", server.issuer, sub=user, jti=None))


def on_behalf_of(server: OAuthServer, token: SecretSource, **options: Any) -> TokenManager:
    """Return a manager of a web service for the user who sent the token."""
    grant = JWTBearer(
        assertion=token,
        extra_params={"requested_token_use": "on_behalf_of"},
        **{name: options.pop(name) for name in ("subject_key",) if name in options},
    )
    return TokenManager(server.token_endpoint, "client-id", "secret", grant=grant, **options)


async def user_of(server: OAuthServer, manager: TokenManager) -> object:
    """Call the API, and return the user whose token it received."""
    async with (
        ClientSession(middlewares=[OAuth2Middleware(manager)]) as session,
        session.get(server.url("/")) as response,
    ):
        return (await response.json())["user"]


async def test_token_of_a_user_is_exchanged(oauth_server: OAuthServer) -> None:
    """The client authenticates, and sends assertion, scope and further parameters in the form."""
    token = user_token(oauth_server, "Ada")
    assert await user_of(oauth_server, on_behalf_of(oauth_server, token, scope="things")) == "Ada"
    request = oauth_server.log[0]
    assert dict(request.form) == {
        "grant_type": JWTBearer.name,
        "assertion": token,
        "requested_token_use": "on_behalf_of",
        "scope": "things",
    }
    assert "Authorization" in request.headers


@pytest.mark.rule("R073", "R081")
async def test_users_share_a_cache_but_no_token(oauth_server: OAuthServer) -> None:
    """One user's requests share one token, which no other user gets."""
    cache, tokens = MemoryCache(), [user_token(oauth_server, user) for user in ("Ada", "Bob")]

    async def users() -> list[object]:
        managers = [on_behalf_of(oauth_server, token, cache=cache) for token in tokens * 3]
        return await asyncio.gather(*(user_of(oauth_server, manager) for manager in managers))

    assert await users() == ["Ada", "Bob"] * 3
    assert await users() == ["Ada", "Bob"] * 3
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R081")
def test_assertion_identifies_the_subject() -> None:
    """The key of a cache entry depends on assertion and parameters, and does not show them."""
    keys = [
        JWTBearer(assertion="a.b.c").subject_key,
        JWTBearer(assertion="a.b.d").subject_key,
        JWTBearer(assertion="a.b.c", extra_params={"x": "y"}).subject_key,
        JWTBearer(assertion=lambda: "a.b.c", subject_key="a.b.c").subject_key,
        JWTBearer(assertion=lambda: "a.b.c", subject_key="Ada").subject_key,
        grant_of().subject_key,
        grant_of(extra_params={"x": "y"}).subject_key,
    ]
    assert len({*keys, None, ""}) == len(keys) + 2
    assert not [key for key in keys if key is None or "a.b" in key]
    assert JWTBearer(assertion=lambda: "a.b.c").subject_key is None


async def test_function_needs_a_subject_key_for_a_cache(
    oauth_server: OAuthServer, tmp_path: Path
) -> None:
    """The assertion is read for each token; two users could otherwise share an entry."""
    file = tmp_path / "token"
    with pytest.raises(TokenConfigurationError, match="subject_key"):
        on_behalf_of(oauth_server, SecretFile(file), cache=MemoryCache())
    manager = on_behalf_of(
        oauth_server, SecretFile(file), cache=MemoryCache(), subject_key="workload"
    )
    for user in ("workload-1", "workload-2"):
        file.write_text(user_token(oauth_server, user))
        assert await user_of(oauth_server, manager) == user
        await manager.reset_token()
        oauth_server.revoke_all()


@pytest.mark.rule("R007", "R063")
async def test_given_assertion_is_shown_nowhere(oauth_server: OAuthServer) -> None:
    """Neither an error nor a repr shows the user's token; a public parameter may be shown."""
    token = user_token(oauth_server, "Ada")
    description = f"{token} cannot be used on_behalf_of"
    oauth_server.token_fault = Fault.oauth_error("invalid_grant", description)
    manager = on_behalf_of(oauth_server, token)
    with pytest.raises(TokenHTTPError) as caught:
        await manager.get_token()
    assert token not in f"{caught.value} {caught.value.response_text} {manager!r}"
    assert "cannot be used on_behalf_of" in str(caught.value)
    assert token not in repr(JWTBearer(assertion=token))


@pytest.mark.rule("R033")
async def test_outage_is_retried_with_a_given_assertion(oauth_server: OAuthServer) -> None:
    """Unlike a signed assertion, a user's token may be sent again."""
    oauth_server.token_fault = Fault.status(503).times(1)
    retry = Retry(attempts=2, wait_initial=0)
    manager = on_behalf_of(oauth_server, user_token(oauth_server, "Ada"), retry=retry)
    assert await manager.get_token()
    assert oauth_server.token_requests == 2


async def test_failing_function_is_an_error(oauth_server: OAuthServer) -> None:
    """The function's exception is the cause."""

    def failing() -> str:
        raise OSError("hush")

    with pytest.raises(TokenError, match=r"No assertion: .* OSError") as caught:
        await on_behalf_of(oauth_server, failing).get_token()
    assert isinstance(caught.value.__cause__, OSError)


def test_key_is_not_in_repr_and_cannot_be_pickled() -> None:
    """The grant hides its key, and uses a new assertion instead of a refresh token."""
    grant = grant_of()
    assert repr(grant).startswith("<aioalf.grants.jwt_bearer.JWTBearer object")
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(grant)
    assert grant.can_begin
    assert not grant.keeps_refresh_token


@pytest.mark.rule("R009")
async def test_assertion_alone_is_sent_without_a_client_id(oauth_server: OAuthServer) -> None:
    """The assertion replaces client authentication and client id (RFC 7523 §3.1)."""
    oauth_server.trust_assertions("service", members(EC, private=False))
    manager = TokenManager(oauth_server.token_endpoint, None, None, grant=grant_of(subject="Ada"))
    assert await manager.get_token()
    (request,) = oauth_server.log
    assert request.form.keys() == {"grant_type", "assertion"}
    assert "Authorization" not in request.headers
