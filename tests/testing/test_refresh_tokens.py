"""Refresh tokens: when they are issued, rotated and revoked."""

import asyncio

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, OAuthServer
from tests.testing.code_flow import refresh, signed_in
from tests.testing.plain_client import basic, bearer, error_of, send


async def test_refresh_tokens_rotate_by_default(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Each use gives a new refresh token with the same user and scope."""
    first = await signed_in(session, oauth_server, scope="read write")
    second = (await refresh(session, oauth_server, first["refresh_token"])).json
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == "read write"
    headers = bearer(str(second["access_token"]))
    arrived = (await send(session, "GET", oauth_server.url("/"), headers=headers)).json
    assert arrived["user"] == "Ada"
    assert oauth_server.granted == {"authorization_code": 1, "refresh_token": 1}


async def test_reused_refresh_token_revokes_its_family(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """All tokens of the sign-in are revoked (RFC 9700 §4.14.2)."""
    first = await signed_in(session, oauth_server)
    second = (await refresh(session, oauth_server, first["refresh_token"])).json
    again = await refresh(session, oauth_server, first["refresh_token"])
    assert error_of(again) == (400, "invalid_grant")
    for token in (first, second):
        headers = bearer(str(token["access_token"]))
        assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 401
    last = await refresh(session, oauth_server, str(second["refresh_token"]))
    assert error_of(last) == (400, "invalid_grant")


async def test_rotation_can_be_disabled(oauth_server: OAuthServer, session: ClientSession) -> None:
    """The response has no refresh token then, and the old one stays valid (RFC 6749 §6)."""
    oauth_server.rotate_refresh_tokens = False
    token = await signed_in(session, oauth_server)
    for _ in range(2):
        response = await refresh(session, oauth_server, token["refresh_token"])
        assert response.status == 200
        assert "refresh_token" not in response.json


async def test_refresh_can_request_less_scope(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The narrower scope is for that access token only; a wider one is rejected."""
    token = await signed_in(session, oauth_server, scope="read write")
    narrow = (await refresh(session, oauth_server, token["refresh_token"], scope="read")).json
    assert narrow["scope"] == "read"
    value = str(narrow["refresh_token"])
    wider = await refresh(session, oauth_server, value, scope="read admin")
    assert error_of(wider) == (400, "invalid_scope")
    assert (await refresh(session, oauth_server, value)).json["scope"] == "read write"


async def test_refresh_token_is_bound_to_its_client(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Another client gets `invalid_grant`, and the token stays valid."""
    oauth_server.add_client("other", "secret")
    token = await signed_in(session, oauth_server)
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    url, headers = oauth_server.token_endpoint, basic("other")
    response = await send(session, "POST", url, headers=headers, data=form)
    assert error_of(response) == (400, "invalid_grant")
    assert (await refresh(session, oauth_server, token["refresh_token"])).status == 200


async def test_refresh_token_expires(oauth_server: OAuthServer, session: ClientSession) -> None:
    """It expires after `refresh_token_lifetime` seconds."""
    oauth_server.refresh_token_lifetime = 0.01
    token = await signed_in(session, oauth_server)
    await asyncio.sleep(0.02)
    response = await refresh(session, oauth_server, token["refresh_token"])
    assert error_of(response) == (400, "invalid_grant")
    assert "expired" in response.text


async def test_refresh_and_access_tokens_are_revoked_separately(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`revoke_refresh_tokens` keeps access tokens valid, and `revoke_all` refresh tokens."""
    token = await signed_in(session, oauth_server)
    oauth_server.revoke_refresh_tokens()
    headers = bearer(token["access_token"])
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 200
    response = await refresh(session, oauth_server, token["refresh_token"])
    assert error_of(response) == (400, "invalid_grant")
    token = await signed_in(session, oauth_server)
    oauth_server.revoke_all()
    assert (await refresh(session, oauth_server, token["refresh_token"])).status == 200


async def test_expire_all_keeps_refresh_tokens(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`expire_all` expires access tokens only."""
    token = await signed_in(session, oauth_server)
    oauth_server.expire_all()
    headers = bearer(token["access_token"])
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 401
    assert (await refresh(session, oauth_server, token["refresh_token"])).status == 200


@pytest.mark.parametrize("scope", [None, "read", "read offline_access"])
async def test_settings_client_and_scope_control_refresh_tokens(
    oauth_server: OAuthServer, session: ClientSession, scope: str | None
) -> None:
    """The server's option, the client's `offline` and the scope `offline_access` are checked."""
    assert "refresh_token" in await signed_in(session, oauth_server, scope=scope)
    oauth_server.offline_access_scope = True
    given = "refresh_token" in await signed_in(session, oauth_server, scope=scope)
    assert given == (scope == "read offline_access")
    oauth_server.add_client("client-id", "secret", offline=False)
    assert "refresh_token" not in await signed_in(session, oauth_server, scope=scope)
    oauth_server.add_client("client-id", "secret")
    oauth_server.refresh_tokens = False
    assert "refresh_token" not in await signed_in(session, oauth_server, scope=scope)


async def test_token_response_can_be_changed(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Members can be replaced or left out."""
    oauth_server.changes["token"] = {"token_type": "N_A", "refresh_token": MISSING}
    token = await signed_in(session, oauth_server)
    assert set(token) == {"access_token", "token_type", "expires_in"}
    assert token["token_type"] == "N_A"


async def test_reached_waits_for_requests_grants_and_errors(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`reached` takes requests by endpoint, grants by type and errors by code."""
    waiting = asyncio.create_task(
        oauth_server.reached(
            requests={"authorization": 1},
            granted={"refresh_token": 1},
            refused={"invalid_grant": 1},
        )
    )
    token = await signed_in(session, oauth_server)
    await refresh(session, oauth_server, token["refresh_token"])
    assert not waiting.done()
    await refresh(session, oauth_server, "unknown")
    await asyncio.wait_for(waiting, 5)
