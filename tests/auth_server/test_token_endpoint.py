"""Token requests and token responses at the token endpoint."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from aiohttp import ClientSession

from aioalf._auth_server.http import MAX_BODY
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._auth_server.token_response import ResponsePolicy
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import TokenConfigurationError, TokenResponseError
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import (
    TOKEN,
    endpoint_at,
    error_of,
    only_request,
    request_token,
)
from tests.support.clocks import Clock

FORM = {"grant_type": "client_credentials"}


# Requests


@pytest.mark.rule("R001", "R012")
async def test_token_request_is_a_post_with_a_form(oauth_server: OAuthServer) -> None:
    """Method, headers and body follow RFC 6749 §3.2, and JSON is requested."""
    token = await endpoint_at(oauth_server.token_endpoint, scope="read wräte").request(FORM)
    seen = only_request(oauth_server)
    assert seen.method == "POST"
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert seen.headers["Accept"] == "application/json"
    assert seen.body.text == "grant_type=client_credentials&scope=read+wr%C3%A4te"
    assert token.is_valid()


@pytest.mark.rule("R002", "R004")
async def test_parameter_without_a_value_is_not_sent(
    oauth_server: OAuthServer,
) -> None:
    """An empty scope or code is left out, and other parameters are sent once."""
    await endpoint_at(oauth_server.token_endpoint).request({**FORM, "code": ""})
    assert parse_qsl(only_request(oauth_server).body.text or "") == list(FORM.items())


@pytest.mark.rule("R003")
async def test_query_of_the_endpoint_is_sent(oauth_server: OAuthServer) -> None:
    """Some servers name the tenant in the query of the token endpoint."""
    await request_token(endpoint_at(f"{oauth_server.token_endpoint}?tenant=a%20b&x="))
    assert only_request(oauth_server).query == "tenant=a%20b&x="


@pytest.mark.rule("R005", "R007", "R008")
async def test_credentials_are_sent_by_http_basic_only(oauth_server: OAuthServer) -> None:
    """Client id and secret are in the Authorization header, not in the URL or the form."""
    await request_token(endpoint_at(oauth_server.token_endpoint))
    seen = only_request(oauth_server)
    expected = base64.b64encode(b"client-id:secret").decode()
    assert seen.headers.getall("Authorization") == [f"Basic {expected}"]
    assert seen.form.keys() == FORM.keys()
    assert seen.query == ""


@pytest.mark.rule("R006")
@pytest.mark.parametrize("secret", [" %&+£€", 'a:b"c', "glBQ3nYU/8/kaVi/bIgXGA=="])
@pytest.mark.parametrize("form_encode", [True, False])
async def test_http_basic_can_be_sent_without_form_encoding(
    oauth_server: OAuthServer, secret: str, *, form_encode: bool
) -> None:
    """Form encoding is the default; ``form_encode=False`` is for servers that do not decode."""
    oauth_server.decode_basic = form_encode
    oauth_server.add_client("i/d", secret)
    endpoint = TokenEndpoint(
        oauth_server.token_endpoint,
        Credentials("i/d", secret),
        ClientSecretBasic(form_encode=form_encode),
    )
    assert (await request_token(endpoint)).is_valid()


@pytest.mark.rule("R010")
@pytest.mark.parametrize(
    ("credentials", "missing"),
    [(Credentials(None, "secret"), "client_id"), (Credentials("id", None), "client_secret")],
)
async def test_missing_credentials_are_an_error(
    oauth_server: OAuthServer, credentials: Credentials, missing: str
) -> None:
    """The error names the missing value, and no request is sent."""
    error = await error_of(endpoint_at(oauth_server.token_endpoint, credentials=credentials))
    assert isinstance(error, TokenConfigurationError)
    assert f"Missing {missing}" in str(error)
    assert oauth_server.token_requests == 0


async def test_client_authentication_follows_the_metadata(oauth_server: OAuthServer) -> None:
    """The secret is sent in the form if the metadata lists only that."""
    oauth_server.faults["metadata"] = Fault.wrong_json(
        {
            "issuer": oauth_server.issuer,
            "token_endpoint": oauth_server.token_endpoint,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
    )
    oauth_server.token_fault = Fault.body(TOKEN)
    credentials = Credentials("client-id", "secret")
    await request_token(TokenEndpoint(None, credentials, None, issuer=oauth_server.issuer))
    seen = oauth_server.log[-1]
    assert (seen.form["client_id"], seen.form["client_secret"]) == ("client-id", "secret")
    assert "Authorization" not in seen.headers


async def test_client_without_a_secret_is_public(oauth_server: OAuthServer) -> None:
    """It sends only its identifier, unless the grant is for confidential clients."""
    oauth_server.token_fault = Fault.body(TOKEN)
    endpoint = TokenEndpoint(oauth_server.token_endpoint, Credentials("client-id", None), None)
    await endpoint.request({"grant_type": "refresh_token", "refresh_token": "abc"})
    assert only_request(oauth_server).form["client_id"] == "client-id"
    with pytest.raises(TokenConfigurationError, match="Missing client_secret"):
        await endpoint.request(FORM)


# Responses with a token


@pytest.mark.parametrize("status", [200, 201, 203, 299])
@pytest.mark.parametrize("content_type", ["application/json", "text/html", "", "x/y; charset=no"])
async def test_token_is_accepted_with_any_2xx_status_and_content_type(
    oauth_server: OAuthServer, status: int, content_type: str
) -> None:
    """A token is accepted from servers that send a wrong content type."""
    oauth_server.token_fault = Fault.body(TOKEN, status=status, content_type=content_type)
    assert (await request_token(endpoint_at(oauth_server.token_endpoint))).access_token == "abc"


@pytest.mark.rule("R032")
async def test_long_token_is_accepted(oauth_server: OAuthServer) -> None:
    """A token of hundreds of kilobytes is below the limit for a body."""
    long = "x" * (MAX_BODY - 100)
    oauth_server.token_fault = Fault.wrong_json({"access_token": long, "expires_in": 60})
    assert (await request_token(endpoint_at(oauth_server.token_endpoint))).access_token == long


@pytest.mark.rule("R025")
async def test_lifetime_begins_before_the_request(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The duration of the request is subtracted from the lifetime."""
    clock = Clock(monkeypatch)
    oauth_server.expires_in = 15
    opened: list[datetime] = []
    async with ClientSession() as session:

        def slow_session() -> ClientSession:
            opened.append(datetime.now(UTC))
            clock.advance(10)
            return session

        token = await request_token(
            endpoint_at(oauth_server.token_endpoint, auth_session=slow_session)
        )
    assert token.is_valid()
    assert token.expires_on is not None
    assert token.expires_on.tzinfo is UTC
    assert token.expires_on <= opened[0] + timedelta(seconds=15)
    clock.advance(5)
    assert not token.is_valid()


@pytest.mark.rule("R063")
async def test_warning_about_a_response_repeats_no_secret(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A server may send the client's secret back as the token type."""
    oauth_server.token_fault = Fault.wrong_json(
        {"access_token": "abc", "token_type": "hunter2-of-the-client"}
    )
    credentials = Credentials("client-id", "hunter2-of-the-client")
    await request_token(endpoint_at(oauth_server.token_endpoint, credentials=credentials))
    assert "token_type '***' is used" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.rule("R027")
async def test_response_policy_is_applied(oauth_server: OAuthServer) -> None:
    """The default lifetime and ``require_scope`` are applied to the response."""
    oauth_server.token_fault = Fault.wrong_json({"access_token": "abc", "scope": "read"})
    endpoint = TokenEndpoint(
        oauth_server.token_endpoint,
        Credentials("client-id", "secret"),
        ClientSecretBasic(),
        policy=ResponsePolicy(default_expires_in=60, require_scope=True),
        request_params=TokenRequestParams("read"),
    )
    token = await request_token(endpoint)
    assert (token.expires_in, token.scope) == (60, frozenset({"read"}))
    with pytest.raises(TokenResponseError, match="write is missing"):
        await request_token(endpoint.with_request_params(TokenRequestParams("read write")))


async def test_response_of_a_repeatable_request_is_amended(oauth_server: OAuthServer) -> None:
    """A grant checks and amends the response, even if its request may be sent again."""
    endpoint = endpoint_at(oauth_server.token_endpoint)
    token = await endpoint.request(
        FORM, is_repeatable=True, amend=lambda members: {**members, "access_token": "amended"}
    )
    assert token.access_token == "amended"


async def test_each_kind_of_warning_is_logged_once(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that grants less scope does so in each response."""
    oauth_server.changes["token"] = {"scope": "read"}
    endpoint = endpoint_at(oauth_server.token_endpoint, scope="read write")
    for _ in range(2):
        assert (await endpoint.request(FORM)).missing_scope == {"write"}
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len([each for each in warnings if "write" in each]) == 1


async def test_refresh_without_scope_has_the_scope_of_the_login(oauth_server: OAuthServer) -> None:
    """The login knows what was granted; the endpoint knows no scope (RFC 6749 §6)."""
    oauth_server.token_fault = Fault.wrong_json({"access_token": "abc", "token_type": "Bearer"})
    endpoint = endpoint_at(oauth_server.token_endpoint, scope="read")
    form = {"grant_type": "refresh_token", "refresh_token": "any", "scope": ""}
    assert (await endpoint.request(form)).scope is None


async def test_malformed_refresh_token_does_not_hide_the_problem(
    oauth_server: OAuthServer,
) -> None:
    """The error says that the access token is missing, and keeps no refresh token."""
    oauth_server.token_fault = Fault.wrong_json({"refresh_token": 5})
    error = await error_of(endpoint_at(oauth_server.token_endpoint))
    assert isinstance(error, TokenResponseError)
    assert "access_token" in str(error)
