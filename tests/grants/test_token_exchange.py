"""The token exchange grant."""

import json
import pickle
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.errors import TokenConfigurationError, TokenHTTPError, TokenResponseError
from aioalf.grants import ACCESS_TOKEN, ID_TOKEN, JWT, REFRESH_TOKEN, SAML1, SAML2, TokenExchange
from aioalf.grants._jwt_expiry import expiry_of
from aioalf.testing import MISSING, OAuthServer
from aioalf.token import Token
from tests.grants.source import ScriptedSource, ServerSource

API = "https://api.example.com/"
ISSUED = {"issued_token_type": ACCESS_TOKEN}


def jwt_with(payload: object) -> str:
    """A JWT with this payload, signed by nobody."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return f"eyJhbGciOiJub25lIn0.{urlsafe_b64encode(body).rstrip(b'=').decode()}.c2ln"


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server that knows a token of elsewhere."""
    oauth_server.add_subject_token("incoming", "Ada")
    return oauth_server


@pytest.mark.rule("R126", "R156", "R157")
async def test_a_token_is_exchanged_for_another(server: OAuthServer) -> None:
    """The form says what is given, scope and resource say what for."""
    source = ServerSource(server, TokenRequestParams("things", API, audience="things"))
    token = await TokenExchange("incoming", ACCESS_TOKEN).request_token(source)
    assert token.is_valid()
    assert token.scope == frozenset({"things"})
    assert token.extra["issued_token_type"] == ACCESS_TOKEN
    assert source.forms == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "incoming",
            "subject_token_type": ACCESS_TOKEN,
        }
    ]


@pytest.mark.rule("R156")
async def test_an_actor_and_the_type_that_is_wanted_are_sent(server: OAuthServer) -> None:
    """Tokens and types each by its name."""
    server.add_subject_token("gateway", "the gateway", token_type=JWT)
    source = ServerSource(server)
    await TokenExchange(
        "incoming",
        ACCESS_TOKEN,
        actor_token=lambda: "gateway",
        actor_token_type=JWT,
        requested_token_type=ACCESS_TOKEN,
    ).request_token(source)
    [form] = source.forms
    assert form["actor_token"] == "gateway"
    assert form["actor_token_type"] == JWT
    assert form["requested_token_type"] == ACCESS_TOKEN


async def test_a_callable_is_asked_for_the_subject_token_each_time() -> None:
    """It changes; the client's token is got anew with the one of then."""
    tokens = ["a", "b"]

    async def current() -> str:
        return tokens.pop(0)

    source = ScriptedSource(Token("abc", 60, extra=ISSUED))
    grant = TokenExchange(current, ACCESS_TOKEN)
    for _ in range(2):
        await grant.request_token(source)
    assert [form["subject_token"] for form in source.forms] == ["a", "b"]


async def test_a_subject_token_that_is_not_good_is_an_error(server: OAuthServer) -> None:
    """With the server's word."""
    with pytest.raises(TokenHTTPError) as caught:
        await TokenExchange("unknown", ACCESS_TOKEN).request_token(ServerSource(server))
    assert caught.value.error == "invalid_request"


@pytest.mark.rule("R126")
async def test_invalid_target(server: OAuthServer) -> None:
    """A resource that the server does not know is an error that says so."""
    server.resources = [API]
    source = ServerSource(server, TokenRequestParams(resource="https://other.example.com/"))
    with pytest.raises(TokenHTTPError) as caught:
        await TokenExchange("incoming", ACCESS_TOKEN).request_token(source)
    assert caught.value.error == "invalid_target"


@pytest.mark.rule("R157")
@pytest.mark.parametrize("kind", [MISSING, "", 5, None], ids=str)
async def test_an_answer_without_issued_token_type_is_an_error(
    server: OAuthServer, kind: Any
) -> None:
    """What kind of token it is has to be said."""
    server.changes["token"] = {"issued_token_type": kind}
    with pytest.raises(TokenResponseError, match="without an issued_token_type"):
        await TokenExchange("incoming", ACCESS_TOKEN).request_token(ServerSource(server))


@pytest.mark.rule("R157")
async def test_a_token_that_is_no_access_token_is_never_a_bearer_token(
    server: OAuthServer,
) -> None:
    """N_A says that it must not be sent in a header."""
    server.changes["token"] = {"token_type": "N_A", "issued_token_type": ID_TOKEN}
    with pytest.raises(TokenResponseError, match="N_A"):
        await TokenExchange("incoming", ACCESS_TOKEN).request_token(ServerSource(server))


@pytest.mark.rule("R157")
@pytest.mark.parametrize("expires_in", [3600, None])
async def test_a_token_is_not_used_past_the_expiry_of_the_subject_token(
    expires_in: int | None,
) -> None:
    """When that is a JWT that says when; all else stays as it was answered."""
    answered = Token("abc", expires_in, scope=frozenset({"a"}), extra=ISSUED)
    subject = jwt_with({"exp": time.time() + 100})
    token = await TokenExchange(subject, JWT).request_token(ScriptedSource(answered))
    assert token.expires_in in {98, 99}
    assert token.is_valid()
    assert (token.access_token, token.scope, dict(token.extra)) == (
        "abc",
        frozenset({"a"}),
        ISSUED,
    )


@pytest.mark.rule("R157")
async def test_a_token_of_a_subject_token_that_has_expired_serves_nobody_later() -> None:
    """It is the server's clock that counts, so it is asked; its answer is not kept."""
    subject = jwt_with({"exp": 5})
    source = ScriptedSource(Token("abc", 3600, extra=ISSUED))
    token = await TokenExchange(subject, JWT).request_token(source)
    assert token.expires_in == 0
    assert not token.is_valid()


@pytest.mark.parametrize(
    "subject", ["opaque", jwt_with({"exp": time.time() + 9999})], ids=["opaque", "jwt"]
)
async def test_a_token_that_expires_first_is_left_as_it_is(subject: str) -> None:
    """Nor is one whose subject token does not say."""
    answered = Token("abc", 60, extra=ISSUED)
    token = await TokenExchange(subject, JWT).request_token(ScriptedSource(answered))
    assert token is answered


async def test_a_refresh_token_to_be_exchanged_is_sent_once() -> None:
    """It may be good once; access tokens are good until they expire."""
    source = ScriptedSource(Token("abc", 60, extra=ISSUED))
    for kind in (REFRESH_TOKEN, ACCESS_TOKEN, SAML1, SAML2):
        await TokenExchange("a", kind).request_token(source)
    await TokenExchange("a", JWT, actor_token="b", actor_token_type=REFRESH_TOKEN).request_token(
        source
    )
    assert source.repeatable == [False, True, True, True, False]


@pytest.mark.rule("R156")
@pytest.mark.parametrize(
    "options",
    [
        *({"subject_token": ""}, {"subject_token": None}, {"subject_token_type": ""}),
        *({"subject_token_type": None}, {"actor_token": "a"}, {"actor_token_type": JWT}),
        *({"actor_token": "", "actor_token_type": JWT}, {"requested_token_type": ""}),
        {"actor_token": "a", "actor_token_type": ""},
    ],
    ids=str,
)
def test_what_cannot_work_is_told_when_the_grant_is_made(options: dict[str, Any]) -> None:
    """A token without its type, a type without its token."""
    with pytest.raises(TokenConfigurationError):
        TokenExchange(**{"subject_token": "a", "subject_token_type": JWT, **options})


def test_the_grant_neither_shows_nor_pickles_its_tokens() -> None:
    """It is asked anew each time, and never refreshed: the subject token says how long."""
    grant = TokenExchange("s3cret", JWT)
    assert "s3cret" not in repr(grant)
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(grant)
    assert grant.can_begin
    assert not grant.keeps_refresh_token


@pytest.mark.parametrize(
    "token",
    [
        *("", "opaque", "a.b", "a.b.c.d.e", "a.!.c", "a.\u00e4.c", "a." + "A" * 5 + ".c"),
        *(jwt_with([]), jwt_with({}), jwt_with(b"{"), jwt_with(b"\xff"), jwt_with({"exp": "5"})),
        *(jwt_with({"exp": True}), jwt_with({"exp": None}), jwt_with(b'{"exp": NaN}')),
        *(jwt_with(b'{"exp": 1e999}'), jwt_with(b'{"exp": %s}' % (b"9" * 400))),
        *(jwt_with(b"[" * 100_000), jwt_with({"exp": 5, "a": "x" * 70_000})),
    ],
    ids=range(19),
)
def test_a_token_that_does_not_say_when_it_expires(token: str) -> None:
    """Whatever it is, it is no error."""
    assert expiry_of(token) is None


@given(st.integers(0, 2**33) | st.floats(0, 2**33))
def test_a_jwt_that_says_when_it_expires(expiry: float) -> None:
    """In whole seconds or not."""
    assert expiry_of(jwt_with({"exp": expiry})) == expiry


@given(st.text() | st.text("ab.=_-/+"))
def test_any_token_can_be_asked_when_it_expires(token: str) -> None:
    """Bytes of anywhere."""
    assert expiry_of(token) is None
