"""The token endpoint: what it issues, and what it refuses in which words."""

import asyncio
import math

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Json, OAuthServer
from tests.testing.plain_client import (
    CLIENT_CREDENTIALS,
    ask_token,
    basic,
    bearer,
    new_token,
    raw_basic,
    refusal,
    send,
)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_a_client_with_its_secret_gets_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """HTTP Basic and `client_credentials` give a bearer token that nobody may store."""
    answered = await ask_token(session, oauth_server)
    assert answered.status == 200
    assert set(answered.json) == {"access_token", "token_type", "expires_in"}
    assert answered.json["token_type"] == "Bearer"
    assert answered.json["expires_in"] == 3600
    assert answered.headers["Cache-Control"] == "no-store"
    assert answered.headers["Pragma"] == "no-cache"


async def test_no_token_is_issued_twice(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Each request gets a new token."""
    assert await new_token(session, oauth_server) != await new_token(session, oauth_server)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_post_is_allowed(
    oauth_server: OAuthServer, session: ClientSession, method: str
) -> None:
    """Another method gets 405, which names the one that is allowed."""
    answered = await send(session, method, oauth_server.token_endpoint, headers=basic())
    assert answered.status == 405
    assert answered.headers["Allow"] == "POST"


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
async def test_a_body_that_is_no_proper_form_is_an_invalid_request(
    oauth_server: OAuthServer, session: ClientSession, headers: dict[str, str], body: bytes
) -> None:
    """400 `invalid_request`, whatever is wrong with how the request is put together."""
    url = oauth_server.token_endpoint
    answered = await send(session, "POST", url, headers={**basic(), **headers}, data=body)
    assert refusal(answered) == (400, "invalid_request")
    assert answered.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["client_secret=secret", "grant_type=client_credentials"])
async def test_a_url_with_what_belongs_into_the_form_is_an_invalid_request(
    oauth_server: OAuthServer, session: ClientSession, query: str
) -> None:
    """Neither a secret nor a parameter of the form may be in the URL."""
    url = f"{oauth_server.token_endpoint}?{query}"
    answered = await send(session, "POST", url, headers=basic(), data=CLIENT_CREDENTIALS)
    assert refusal(answered) == (400, "invalid_request")


async def test_the_endpoints_own_query_does_no_harm(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A query that is part of the URL is let through, and logged as it arrived."""
    url = f"{oauth_server.token_endpoint}?tenant=a%20b"
    answered = await send(session, "POST", url, headers=basic(), data=CLIENT_CREDENTIALS)
    assert answered.status == 200
    assert oauth_server.log[0].query == "tenant=a%20b"


async def test_an_unknown_grant_is_unsupported(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """400 `unsupported_grant_type`."""
    answered = await ask_token(session, oauth_server, grant_type="password")
    assert refusal(answered) == (400, "unsupported_grant_type")


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
async def test_a_client_that_does_not_prove_who_it_is_is_refused(
    oauth_server: OAuthServer, session: ClientSession, headers: dict[str, str]
) -> None:
    """401 `invalid_client` with a challenge (RFC 6749 §5.2)."""
    answered = await ask_token(session, oauth_server, headers=headers)
    assert refusal(answered) == (401, "invalid_client")
    assert answered.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("a:b", " %&+£€"), ("glBQ3nYU/8/kaVi/bIgXGA==", ""), ("naïve", "100%")],
)
async def test_basic_is_form_decoded(
    oauth_server: OAuthServer, session: ClientSession, client_id: str, secret: str
) -> None:
    """Ids and secrets of any characters arrive whole (RFC 6749 App. B)."""
    oauth_server.add_client(client_id, secret)
    answered = await ask_token(session, oauth_server, headers=basic(client_id, secret))
    assert answered.status == 200


async def test_basic_can_be_taken_as_it_is(session: ClientSession) -> None:
    """With `decode_basic` off the server takes what a client sends that does not encode."""
    async with OAuthServer(decode_basic=False) as server:
        server.add_client("id", "a+b%20")
        assert (await ask_token(session, server, headers=raw_basic("id:a+b%20"))).status == 200
        assert (await ask_token(session, server, headers=basic("id", "a+b%20"))).status == 401


async def test_a_secret_in_the_form_is_refused_unless_allowed(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`allow_body_secret` lets the client authenticate in the form; the default does not."""
    form = {"client_id": "client-id", "client_secret": "secret"}
    answered = await ask_token(session, oauth_server, headers={}, **form)
    assert refusal(answered) == (401, "invalid_client")
    oauth_server.allow_body_secret = True
    assert (await ask_token(session, oauth_server, headers={}, **form)).status == 200
    answered = await ask_token(session, oauth_server, headers={})
    assert refusal(answered) == (401, "invalid_client")


async def test_a_client_may_be_registered_for_the_form(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`client_secret_post`, and then HTTP Basic is refused; with both, either will do."""
    form = {"client_id": "poster", "client_secret": "secret"}
    for methods, by_basic in (
        (["client_secret_post"], 401),
        (["client_secret_post", "client_secret_basic"], 200),
    ):
        oauth_server.add_client("poster", "secret", auth_methods=methods)
        assert (await ask_token(session, oauth_server, headers={}, **form)).status == 200
        answered = await ask_token(session, oauth_server, headers=basic("poster"))
        assert answered.status == by_basic


async def test_a_public_client_cannot_use_a_secret(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """There is none that would be right."""
    oauth_server.add_client("desktop", auth_methods=["none", "client_secret_basic"])
    answered = await ask_token(session, oauth_server, headers=basic("desktop", ""))
    assert refusal(answered) == (401, "invalid_client")


async def test_two_ways_to_authenticate_are_an_invalid_request(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """One request, one authentication (RFC 6749 §2.3), even when each would do."""
    oauth_server.allow_body_secret = True
    answered = await ask_token(session, oauth_server, client_secret="secret")
    assert refusal(answered) == (400, "invalid_request")
    twice = [*basic().items(), *basic().items()]
    answered = await ask_token(session, oauth_server, headers=twice)
    assert refusal(answered) == (400, "invalid_request")


async def test_the_form_may_name_the_client_but_no_other(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`client_id` beside Basic must say the same."""
    assert (await ask_token(session, oauth_server, client_id="client-id")).status == 200
    answered = await ask_token(session, oauth_server, client_id="another")
    assert refusal(answered) == (400, "invalid_request")


async def test_the_scope_asked_for_is_granted_and_said(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A client without a list of scopes may ask for any."""
    answered = await ask_token(session, oauth_server, scope="read write")
    assert answered.json["scope"] == "read write"


async def test_a_clients_scopes_bound_what_it_gets(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Less is granted, more is `invalid_scope`, and nothing asked means all it may have."""
    oauth_server.add_client("narrow", "secret", scopes=["write", "read"])
    headers = basic("narrow")
    answered = await ask_token(session, oauth_server, headers=headers, scope="read")
    assert answered.json["scope"] == "read"
    answered = await ask_token(session, oauth_server, headers=headers, scope="read admin")
    assert refusal(answered) == (400, "invalid_scope")
    answered = await ask_token(session, oauth_server, headers=headers)
    assert answered.json["scope"] == "read write"


@pytest.mark.parametrize(
    "expires_in", [0, -1, 3600.5, 10**400, "3600", "abc", "", True, None, [], {"a": 1}]
)
async def test_expires_in_goes_out_as_it_is(
    oauth_server: OAuthServer, session: ClientSession, expires_in: Json
) -> None:
    """Any value is sent, and one that is no time in the future leaves the token alive."""
    oauth_server.expires_in = expires_in
    answered = await ask_token(session, oauth_server)
    assert answered.json["expires_in"] == expires_in
    assert type(answered.json["expires_in"]) is type(expires_in)
    headers = bearer(str(answered.json["access_token"]))
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 200


async def test_expires_in_that_is_not_a_number_goes_out(session: ClientSession) -> None:
    """NaN, which JSON proper does not know, is sent too."""
    async with OAuthServer(expires_in=math.nan) as server:
        assert '"expires_in": NaN' in (await ask_token(session, server)).text


async def test_expires_in_can_be_left_out(session: ClientSession) -> None:
    """`MISSING` leaves it out of the response."""
    async with OAuthServer(expires_in=MISSING) as server:
        assert "expires_in" not in (await ask_token(session, server)).json


async def test_the_type_of_token_can_be_another(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`token_type` is sent as it is set."""
    oauth_server.token_type = "mac"
    assert (await ask_token(session, oauth_server)).json["token_type"] == "mac"


@pytest.mark.parametrize("expires_in", [0.05, "0.05"])
async def test_a_token_ends_when_its_life_does(
    oauth_server: OAuthServer, session: ClientSession, expires_in: Json
) -> None:
    """A token is refused once `expires_in` seconds have passed, whichever way it was written."""
    oauth_server.expires_in = expires_in
    headers = bearer(await new_token(session, oauth_server))
    await asyncio.sleep(0.06)
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 401


async def test_the_authorization_server_knows_no_other_path(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """404 for what is not there."""
    url = oauth_server.token_endpoint + "/nothing"
    assert (await send(session, "GET", url)).status == 404
