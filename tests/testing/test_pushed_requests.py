"""Pushed authorization requests (RFC 9126)."""

import asyncio

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import (
    REDIRECT_URI,
    authorization_params,
    authorize,
    post,
    redeem,
    redirect_query,
)
from tests.testing.plain_client import ReadResponse, basic, error_of, send


async def push(session: ClientSession, server: OAuthServer, **changed: str | None) -> ReadResponse:
    """Push an authorization request."""
    return await post(
        session, server.pushed_authorization_request_endpoint, authorization_params(**changed)
    )


async def open_pushed(
    session: ClientSession, server: OAuthServer, request_uri: object, client_id: str = "client-id"
) -> ReadResponse:
    """Open the login page with a `request_uri`."""
    server.auto_sign_in = "Ada"
    params = {"client_id": client_id, "request_uri": str(request_uri)}
    return await send(session, "GET", server.authorization_endpoint, params=params)


async def test_pushed_request_leads_to_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """201 with `request_uri` and `expires_in` (§2.2), which the browser sends (§4)."""
    pushed = await push(session, oauth_server, client_id=None)
    assert pushed.status == 201
    assert pushed.headers["Cache-Control"] == "no-store"
    assert pushed.json["expires_in"] == 60
    sent = redirect_query(await open_pushed(session, oauth_server, pushed.json["request_uri"]))
    assert sent["state"] == "a state"
    assert (await redeem(session, oauth_server, sent["code"])).status == 200
    assert oauth_server.requests["pushed_authorization_request"] == 1


async def test_request_uri_is_single_use(oauth_server: OAuthServer, session: ClientSession) -> None:
    """A second use gets an error page."""
    uri = (await push(session, oauth_server)).json["request_uri"]
    await open_pushed(session, oauth_server, uri)
    again = await open_pushed(session, oauth_server, uri)
    assert (again.status, "was used before" in again.text) == (400, True)


async def test_request_uri_expires(oauth_server: OAuthServer, session: ClientSession) -> None:
    """It expires after `pushed_request_lifetime` seconds."""
    oauth_server.pushed_request_lifetime = 0.01
    uri = (await push(session, oauth_server)).json["request_uri"]
    await asyncio.sleep(0.02)
    assert (await open_pushed(session, oauth_server, uri)).status == 400


async def test_request_uri_is_bound_to_its_client(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Another `client_id` gets an error page."""
    oauth_server.add_client("other")
    uri = (await push(session, oauth_server)).json["request_uri"]
    page = await open_pushed(session, oauth_server, uri, client_id="other")
    assert (page.status, "another client" in page.text) == (400, True)


async def test_server_can_require_pushed_requests(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`require_pushed_authorization_requests` rejects all other requests (§5)."""
    oauth_server.require_pushed_authorization_requests = True
    page = await authorize(session, oauth_server)
    assert (page.status, "only pushed" in page.text) == (400, True)
    uri = (await push(session, oauth_server)).json["request_uri"]
    assert "code" in redirect_query(await open_pushed(session, oauth_server, uri))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"request_uri": "urn:example:1"}, "invalid_request"),
        ({"redirect_uri": REDIRECT_URI + "/elsewhere"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"response_type": "both"}, "unsupported_response_type"),
        ({"resource": "https://api.example.com/#x"}, "invalid_target"),
    ],
    ids=str,
)
async def test_invalid_pushed_request_is_rejected(
    oauth_server: OAuthServer,
    session: ClientSession,
    changed: dict[str, str | None],
    error: str,
) -> None:
    """400 as at the token endpoint, before a browser opens (§2.3)."""
    assert error_of(await push(session, oauth_server, **changed)) == (400, error)


async def test_client_must_authenticate(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Client authentication is the same as at the token endpoint (§2.1)."""
    url, headers = oauth_server.pushed_authorization_request_endpoint, basic(secret="wrong")
    response = await send(session, "POST", url, headers=headers, data=authorization_params())
    assert error_of(response) == (401, "invalid_client")
