"""The token exchange grant."""

import json
import pickle
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.errors import (
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import ACCESS_TOKEN, ID_TOKEN, JWT, REFRESH_TOKEN, SAML1, SAML2, TokenExchange
from aioalf.grants.token_exchange import jwt_expiry
from aioalf.testing import MISSING, OAuthServer
from aioalf.token import Token
from tests.grants.source import ScriptedSource, ServerSource
from tests.support.error_reports import report_of

API = "https://api.example.com/"
ISSUED = {"issued_token_type": ACCESS_TOKEN}


def jwt_with(payload: object) -> str:
    """Return an unsigned JWT with this payload."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return f"eyJhbGciOiJub25lIn0.{urlsafe_b64encode(body).rstrip(b'=').decode()}.c2ln"


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server that accepts the subject token "incoming"."""
    oauth_server.add_subject_token("incoming", "Ada")
    return oauth_server


@pytest.mark.rule("R126", "R156", "R157")
async def test_exchange_returns_a_token(server: OAuthServer) -> None:
    """The form has the subject token and its type; the token has the requested scope."""
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
async def test_actor_token_and_requested_token_type_are_sent(server: OAuthServer) -> None:
    """Each of them is a parameter of the form."""
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


async def test_function_is_called_for_each_subject_token() -> None:
    """Each exchange uses the subject token that the function returns at that time."""
    tokens = ["a", "b"]

    async def current() -> str:
        return tokens.pop(0)

    source = ScriptedSource(Token("abc", 60, extra=ISSUED))
    grant = TokenExchange(current, ACCESS_TOKEN)
    for _ in range(2):
        await grant.request_token(source)
    assert [form["subject_token"] for form in source.forms] == ["a", "b"]


async def test_unknown_subject_token_raises(server: OAuthServer) -> None:
    """The error carries the server's error code, invalid_request."""
    with pytest.raises(TokenHTTPError) as caught:
        await TokenExchange("unknown", ACCESS_TOKEN).request_token(ServerSource(server))
    assert caught.value.error == "invalid_request"


@pytest.mark.rule("R126")
async def test_unknown_resource_raises_invalid_target(server: OAuthServer) -> None:
    """The error carries the server's error code, invalid_target."""
    server.resources = [API]
    source = ServerSource(server, TokenRequestParams(resource="https://other.example.com/"))
    with pytest.raises(TokenHTTPError) as caught:
        await TokenExchange("incoming", ACCESS_TOKEN).request_token(source)
    assert caught.value.error == "invalid_target"


@pytest.mark.rule("R157")
@pytest.mark.parametrize("kind", [MISSING, "", 5, None], ids=str)
async def test_response_without_issued_token_type_is_accepted(
    server: OAuthServer, kind: Any
) -> None:
    """Some servers leave it out; their token_type says that it is an access token."""
    server.changes["token"] = {"issued_token_type": kind}
    token = await TokenExchange("incoming", ACCESS_TOKEN).request_token(ServerSource(server))
    assert token.is_valid()


@pytest.mark.rule("R157")
async def test_issued_token_that_is_not_an_access_token_is_refused(
    server: OAuthServer,
) -> None:
    """A token of type N_A must not be sent as a bearer token."""
    server.changes["token"] = {"token_type": "N_A", "issued_token_type": ID_TOKEN}
    with pytest.raises(TokenResponseError, match="N_A"):
        await TokenExchange("incoming", ACCESS_TOKEN).request_token(ServerSource(server))


@pytest.mark.rule("R157")
@pytest.mark.parametrize("expires_in", [3600, None])
async def test_token_expires_no_later_than_the_subject_token(
    expires_in: int | None,
) -> None:
    """The exp claim of a JWT limits the lifetime; the rest of the token is unchanged."""
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
async def test_token_of_expired_subject_token_is_not_cached() -> None:
    """The server decides with its own clock, so the request is sent; the token expires at once."""
    subject = jwt_with({"exp": 5})
    source = ScriptedSource(Token("abc", 3600, extra=ISSUED))
    token = await TokenExchange(subject, JWT).request_token(source)
    assert token.expires_in == 0
    assert not token.is_valid()


@pytest.mark.parametrize(
    "subject", ["opaque", jwt_with({"exp": time.time() + 9999})], ids=["opaque", "jwt"]
)
async def test_token_that_expires_first_is_unchanged(subject: str) -> None:
    """The lifetime is also unchanged if the expiry of the subject token is unknown."""
    answered = Token("abc", 60, extra=ISSUED)
    token = await TokenExchange(subject, JWT).request_token(ScriptedSource(answered))
    assert token is answered


async def test_exchange_of_a_refresh_token_is_not_repeatable() -> None:
    """A refresh token may be single-use; other tokens can be sent again."""
    source = ScriptedSource(Token("abc", 60, extra=ISSUED))
    for kind in (REFRESH_TOKEN, ACCESS_TOKEN, SAML1, SAML2):
        await TokenExchange("a", kind).request_token(source)
    await TokenExchange("a", JWT, actor_token="b", actor_token_type=REFRESH_TOKEN).request_token(
        source
    )
    assert source.repeatable == [False, True, True, True, False]


class PlainHTTPSource(ScriptedSource):
    """A server with a token endpoint at plain http."""

    async def url_of(self, name: str) -> URL:
        """Return the URL of an endpoint."""
        return URL(f"http://{self.host}/{name}?key=hidden")

    host = "auth.example.com"


@pytest.mark.rule("R046")
@pytest.mark.parametrize(
    "grant",
    [
        TokenExchange("hidden", REFRESH_TOKEN),
        TokenExchange("a", JWT, actor_token="hidden", actor_token_type=REFRESH_TOKEN),
    ],
    ids=["subject token", "actor token"],
)
async def test_refresh_token_is_not_sent_by_plain_http(grant: TokenExchange) -> None:
    """It is refused as in the grants with refresh tokens; this machine is an exception."""
    source = PlainHTTPSource(Token("abc", 60, extra=ISSUED))
    with pytest.raises(TokenConfigurationError, match="by https only") as caught:
        await grant.request_token(source)
    assert "http://auth.example.com/token_endpoint is plain http" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert source.forms == []
    source.host = "127.0.0.1"
    await grant.request_token(source)
    assert len(source.forms) == 1


async def test_other_tokens_may_be_exchanged_by_plain_http() -> None:
    """`InsecureTransportWarning` was issued when the client was created."""
    source = PlainHTTPSource(Token("abc", 60, extra=ISSUED))
    await TokenExchange("a", JWT, requested_token_type=REFRESH_TOKEN).request_token(source)
    assert len(source.forms) == 1


@pytest.mark.rule("R063")
async def test_report_of_a_failed_exchange_shows_no_token() -> None:
    """Error reports show the local variables of each frame."""
    grant = TokenExchange("hunter2-a", JWT, actor_token=lambda: "hunter2-b", actor_token_type=JWT)
    for reply in (TokenHTTPError("refused"), TokenResponseError("without a token")):
        with pytest.raises(TokenError) as caught:
            await grant.request_token(ScriptedSource(reply))
        assert "hunter2" not in report_of(caught.value)


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
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """For example a token without its type, or a type without its token."""
    with pytest.raises(TokenConfigurationError):
        TokenExchange(**{"subject_token": "a", "subject_token_type": JWT, **options})


def test_tokens_are_not_in_repr_and_cannot_be_pickled() -> None:
    """The grant hides its tokens, and exchanges again instead of using a refresh token."""
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
def test_expiry_of_other_tokens_is_unknown(token: str) -> None:
    """Whatever it is, it is no error."""
    assert jwt_expiry(token) is None


@given(st.integers(0, 2**33) | st.floats(0, 2**33))
def test_expiry_of_a_jwt_is_read(expiry: float) -> None:
    """In whole seconds or not."""
    assert jwt_expiry(jwt_with({"exp": expiry})) == expiry


@given(st.text() | st.text("ab.=_-/+"))
def test_expiry_of_any_text_can_be_read(token: str) -> None:
    """Bytes of anywhere."""
    assert jwt_expiry(token) is None
