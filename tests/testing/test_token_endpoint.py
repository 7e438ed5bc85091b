"""The token endpoint: token responses and errors."""

import asyncio
import math

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Json, OAuthServer
from tests.testing.plain_client import (
    CLIENT_CREDENTIALS,
    basic,
    bearer,
    error_of,
    new_token,
    raw_basic,
    request_token,
    send,
)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_a_client_with_its_secret_gets_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """HTTP Basic and `client_credentials` give a bearer token that must not be cached."""
    response = await request_token(session, oauth_server)
    assert response.status == 200
    assert set(response.json) == {"access_token", "token_type", "expires_in"}
    assert response.json["token_type"] == "Bearer"
    assert response.json["expires_in"] == 3600
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"


async def test_each_request_gets_a_new_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Two requests get different tokens."""
    assert await new_token(session, oauth_server) != await new_token(session, oauth_server)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_post_is_allowed(
    oauth_server: OAuthServer, session: ClientSession, method: str
) -> None:
    """Another method gets 405 with the allowed method."""
    response = await send(session, method, oauth_server.token_endpoint, headers=basic())
    assert response.status == 405
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, b'{"grant_type": "client_credentials"}'),
        (FORM, b"grant_type=client_credentials&x=\xff"),
        (FORM, b"grant_type=client_credentials&x=" + b"x" * 70_000),
        (FORM, b"grant_type=client_credentials&grant_type=client_credentials"),
        (FORM, b"grant_type="),
        (FORM, b""),
    ],
    ids=["json", "not-utf-8", "too-large", "repeated", "empty-value", "empty"],
)
async def test_invalid_form_is_an_invalid_request(
    oauth_server: OAuthServer, session: ClientSession, headers: dict[str, str], body: bytes
) -> None:
    """A malformed body gets 400 with `invalid_request`."""
    url = oauth_server.token_endpoint
    response = await send(session, "POST", url, headers={**basic(), **headers}, data=body)
    assert error_of(response) == (400, "invalid_request")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["client_secret=secret", "grant_type=client_credentials"])
async def test_form_parameter_in_the_url_is_an_invalid_request(
    oauth_server: OAuthServer, session: ClientSession, query: str
) -> None:
    """Secrets and parameters of the form must not be in the URL."""
    url = f"{oauth_server.token_endpoint}?{query}"
    response = await send(session, "POST", url, headers=basic(), data=CLIENT_CREDENTIALS)
    assert error_of(response) == (400, "invalid_request")


async def test_other_query_parameters_are_accepted(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The query of the endpoint URL is logged unchanged."""
    url = f"{oauth_server.token_endpoint}?tenant=a%20b"
    response = await send(session, "POST", url, headers=basic(), data=CLIENT_CREDENTIALS)
    assert response.status == 200
    assert oauth_server.log[0].query == "tenant=a%20b"


async def test_an_unknown_grant_is_unsupported(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """400 with `unsupported_grant_type`."""
    response = await request_token(session, oauth_server, grant_type="password")
    assert error_of(response) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(secret="wrong"),
        basic(client_id="nobody"),
        raw_basic("no colon"),
        {"Authorization": "Basic ***"},
        {"Authorization": "Basic /w=="},
        bearer("Y2xpZW50LWlkOnNlY3JldA=="),
    ],
    ids=["none", "secret", "client", "no-colon", "not-base64", "not-utf-8", "not-basic"],
)
async def test_failed_client_authentication_is_rejected(
    oauth_server: OAuthServer, session: ClientSession, headers: dict[str, str]
) -> None:
    """401 with `invalid_client` and a challenge (RFC 6749 §5.2)."""
    response = await request_token(session, oauth_server, headers=headers)
    assert error_of(response) == (401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("a:b", " %&+£€"), ("glBQ3nYU/8/kaVi/bIgXGA==", ""), ("naïve", "100%")],
)
async def test_basic_is_form_decoded(
    oauth_server: OAuthServer, session: ClientSession, client_id: str, secret: str
) -> None:
    """Ids and secrets can have any characters (RFC 6749 App. B)."""
    oauth_server.add_client(client_id, secret)
    response = await request_token(session, oauth_server, headers=basic(client_id, secret))
    assert response.status == 200


async def test_form_decoding_of_basic_can_be_disabled(session: ClientSession) -> None:
    """With `decode_basic=False` the server accepts clients that do not form-encode."""
    async with OAuthServer(decode_basic=False) as server:
        server.add_client("id", "a+b%20")
        assert (await request_token(session, server, headers=raw_basic("id:a+b%20"))).status == 200
        assert (await request_token(session, server, headers=basic("id", "a+b%20"))).status == 401


async def test_secret_in_the_form_must_be_allowed(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`allow_body_secret` accepts the secret in the form; by default it is rejected."""
    form = {"client_id": "client-id", "client_secret": "secret"}
    response = await request_token(session, oauth_server, headers={}, **form)
    assert error_of(response) == (401, "invalid_client")
    oauth_server.allow_body_secret = True
    assert (await request_token(session, oauth_server, headers={}, **form)).status == 200
    response = await request_token(session, oauth_server, headers={})
    assert error_of(response) == (401, "invalid_client")


async def test_client_can_be_registered_for_client_secret_post(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """HTTP Basic is rejected then, unless the client is registered for both."""
    form = {"client_id": "poster", "client_secret": "secret"}
    for methods, by_basic in (
        (["client_secret_post"], 401),
        (["client_secret_post", "client_secret_basic"], 200),
    ):
        oauth_server.add_client("poster", "secret", auth_methods=methods)
        assert (await request_token(session, oauth_server, headers={}, **form)).status == 200
        response = await request_token(session, oauth_server, headers=basic("poster"))
        assert response.status == by_basic


async def test_a_public_client_cannot_use_a_secret(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Any secret of a public client is wrong."""
    oauth_server.add_client("desktop", auth_methods=["none", "client_secret_basic"])
    response = await request_token(session, oauth_server, headers=basic("desktop", ""))
    assert error_of(response) == (401, "invalid_client")


async def test_two_authentication_methods_are_an_invalid_request(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A request uses one method (RFC 6749 §2.3), even if each would be valid."""
    oauth_server.allow_body_secret = True
    response = await request_token(session, oauth_server, client_secret="secret")
    assert error_of(response) == (400, "invalid_request")
    twice = [*basic().items(), *basic().items()]
    response = await request_token(session, oauth_server, headers=twice)
    assert error_of(response) == (400, "invalid_request")


async def test_client_id_in_the_form_must_match_basic(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A different `client_id` is an invalid request."""
    assert (await request_token(session, oauth_server, client_id="client-id")).status == 200
    response = await request_token(session, oauth_server, client_id="another")
    assert error_of(response) == (400, "invalid_request")


async def test_requested_scope_is_granted_and_sent(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A client without registered scopes can request any scope."""
    response = await request_token(session, oauth_server, scope="read write")
    assert response.json["scope"] == "read write"


async def test_registered_scopes_limit_the_granted_scope(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Other scopes get `invalid_scope`; without a scope all registered ones are granted."""
    oauth_server.add_client("narrow", "secret", scopes=["write", "read"])
    headers = basic("narrow")
    response = await request_token(session, oauth_server, headers=headers, scope="read")
    assert response.json["scope"] == "read"
    response = await request_token(session, oauth_server, headers=headers, scope="read admin")
    assert error_of(response) == (400, "invalid_scope")
    response = await request_token(session, oauth_server, headers=headers)
    assert response.json["scope"] == "read write"


@pytest.mark.parametrize(
    "expires_in", [0, -1, 3600.5, 10**400, "3600", "abc", "", True, None, [], {"a": 1}]
)
async def test_expires_in_is_sent_unchanged(
    oauth_server: OAuthServer, session: ClientSession, expires_in: Json
) -> None:
    """Any value is sent; with a value that is no positive number the token does not expire."""
    oauth_server.expires_in = expires_in
    response = await request_token(session, oauth_server)
    assert response.json["expires_in"] == expires_in
    assert type(response.json["expires_in"]) is type(expires_in)
    headers = bearer(str(response.json["access_token"]))
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 200


async def test_expires_in_can_be_nan(session: ClientSession) -> None:
    """NaN, which is not valid JSON, is sent too."""
    async with OAuthServer(expires_in=math.nan) as server:
        assert '"expires_in": NaN' in (await request_token(session, server)).text


async def test_expires_in_can_be_left_out(session: ClientSession) -> None:
    """`MISSING` leaves it out of the response."""
    async with OAuthServer(expires_in=MISSING) as server:
        assert "expires_in" not in (await request_token(session, server)).json


async def test_token_type_can_be_replaced(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`token_type` is sent unchanged."""
    oauth_server.token_type = "mac"
    assert (await request_token(session, oauth_server)).json["token_type"] == "mac"


@pytest.mark.parametrize("expires_in", [0.05, "0.05"])
async def test_token_expires_after_expires_in_seconds(
    oauth_server: OAuthServer, session: ClientSession, expires_in: Json
) -> None:
    """A number and a numeric string both limit the lifetime."""
    oauth_server.expires_in = expires_in
    headers = bearer(await new_token(session, oauth_server))
    await asyncio.sleep(0.06)
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 401


async def test_unknown_path_gets_404(oauth_server: OAuthServer, session: ClientSession) -> None:
    """The authorization server responds to its endpoints only."""
    url = oauth_server.token_endpoint + "/nothing"
    assert (await send(session, "GET", url)).status == 404
