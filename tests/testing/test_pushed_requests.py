"""Pushed authorization requests (RFC 9126): handed in by the client, used once by the browser."""

import asyncio

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import HERE, asked, authorize, post, query_of, redeem
from tests.testing.plain_client import Answered, basic, refusal, send


async def push(session: ClientSession, server: OAuthServer, **changed: str | None) -> Answered:
    """Hand in an authorization request."""
    return await post(session, server.pushed_authorization_request_endpoint, asked(**changed))


async def open_pushed(
    session: ClientSession, server: OAuthServer, request_uri: object, client_id: str = "client-id"
) -> Answered:
    """Open the login page with what the client got."""
    server.auto_sign_in = "Ada"
    params = {"client_id": client_id, "request_uri": str(request_uri)}
    return await send(session, "GET", server.authorization_endpoint, params=params)


async def test_a_request_that_was_pushed_leads_to_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """201 with `request_uri` and `expires_in` (§2.2); the browser carries little (§4)."""
    pushed = await push(session, oauth_server, client_id=None)
    assert pushed.status == 201
    assert pushed.headers["Cache-Control"] == "no-store"
    assert pushed.json["expires_in"] == 60
    sent = query_of(await open_pushed(session, oauth_server, pushed.json["request_uri"]))
    assert sent["state"] == "a state"
    assert (await redeem(session, oauth_server, sent["code"])).status == 200
    assert oauth_server.requests["pushed_authorization_request"] == 1


async def test_it_can_be_used_once(oauth_server: OAuthServer, session: ClientSession) -> None:
    """The second time there is a page, and no redirect."""
    uri = (await push(session, oauth_server)).json["request_uri"]
    await open_pushed(session, oauth_server, uri)
    again = await open_pushed(session, oauth_server, uri)
    assert (again.status, "was used already" in again.text) == (400, True)


async def test_it_does_not_stay_good(oauth_server: OAuthServer, session: ClientSession) -> None:
    """After `pushed_request_lifetime` seconds it is too old."""
    oauth_server.pushed_request_lifetime = 0.01
    uri = (await push(session, oauth_server)).json["request_uri"]
    await asyncio.sleep(0.02)
    assert (await open_pushed(session, oauth_server, uri)).status == 400


async def test_it_is_one_clients(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Another client's `client_id` opens nothing."""
    oauth_server.add_client("other")
    uri = (await push(session, oauth_server)).json["request_uri"]
    page = await open_pushed(session, oauth_server, uri, client_id="other")
    assert (page.status, "another client" in page.text) == (400, True)


async def test_a_server_can_insist(oauth_server: OAuthServer, session: ClientSession) -> None:
    """`require_pushed_authorization_requests` refuses all others (§5)."""
    oauth_server.require_pushed_authorization_requests = True
    page = await authorize(session, oauth_server)
    assert (page.status, "must be pushed" in page.text) == (400, True)
    uri = (await push(session, oauth_server)).json["request_uri"]
    assert "code" in query_of(await open_pushed(session, oauth_server, uri))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"request_uri": "urn:example:1"}, "invalid_request"),
        ({"redirect_uri": HERE + "/elsewhere"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"response_type": "both"}, "unsupported_response_type"),
        ({"resource": "https://api.example.com/#x"}, "invalid_target"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_told_at_once(
    oauth_server: OAuthServer,
    session: ClientSession,
    changed: dict[str, str | None],
    error: str,
) -> None:
    """400 as from the token endpoint, before any browser opens (§2.3)."""
    assert refusal(await push(session, oauth_server, **changed)) == (400, error)


async def test_the_client_proves_who_it_is(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """As at the token endpoint (§2.1)."""
    url, headers = oauth_server.pushed_authorization_request_endpoint, basic(secret="wrong")
    answered = await send(session, "POST", url, headers=headers, data=asked())
    assert refusal(answered) == (401, "invalid_client")
