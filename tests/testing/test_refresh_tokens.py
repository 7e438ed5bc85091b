"""Refresh tokens: who gets one, how often it may be used, and what its misuse ends."""

import asyncio

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, OAuthServer
from tests.testing.code_flow import refresh, signed_in
from tests.testing.plain_client import basic, bearer, refusal, send


async def test_each_use_replaces_a_refresh_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Rotation is on unless it is switched off; the user and the scope stay."""
    first = await signed_in(session, oauth_server, scope="read write")
    second = (await refresh(session, oauth_server, first["refresh_token"])).json
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == "read write"
    headers = bearer(str(second["access_token"]))
    arrived = (await send(session, "GET", oauth_server.url("/"), headers=headers)).json
    assert arrived["user"] == "Ada"
    assert oauth_server.granted == {"authorization_code": 1, "refresh_token": 1}


async def test_a_refresh_token_used_again_ends_its_family(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Everything that came of that sign-in is revoked (RFC 9700 §4.14.2)."""
    first = await signed_in(session, oauth_server)
    second = (await refresh(session, oauth_server, first["refresh_token"])).json
    again = await refresh(session, oauth_server, first["refresh_token"])
    assert refusal(again) == (400, "invalid_grant")
    for token in (first, second):
        headers = bearer(str(token["access_token"]))
        assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 401
    last = await refresh(session, oauth_server, str(second["refresh_token"]))
    assert refusal(last) == (400, "invalid_grant")


async def test_rotation_can_be_switched_off(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Then the answer has no refresh token, and the old one goes on (RFC 6749 §6)."""
    oauth_server.rotate_refresh_tokens = False
    token = await signed_in(session, oauth_server)
    for _ in range(2):
        answered = await refresh(session, oauth_server, token["refresh_token"])
        assert answered.status == 200
        assert "refresh_token" not in answered.json


async def test_a_refresh_can_ask_for_less(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A narrower scope holds for that access token alone; a wider one is refused."""
    token = await signed_in(session, oauth_server, scope="read write")
    narrow = (await refresh(session, oauth_server, token["refresh_token"], scope="read")).json
    assert narrow["scope"] == "read"
    value = str(narrow["refresh_token"])
    wider = await refresh(session, oauth_server, value, scope="read admin")
    assert refusal(wider) == (400, "invalid_scope")
    assert (await refresh(session, oauth_server, value)).json["scope"] == "read write"


async def test_a_refresh_token_is_one_clients(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Another client gets nothing for it, and does it no harm."""
    oauth_server.add_client("other", "secret")
    token = await signed_in(session, oauth_server)
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    url, headers = oauth_server.token_endpoint, basic("other")
    answered = await send(session, "POST", url, headers=headers, data=form)
    assert refusal(answered) == (400, "invalid_grant")
    assert (await refresh(session, oauth_server, token["refresh_token"])).status == 200


async def test_refresh_tokens_can_expire(oauth_server: OAuthServer, session: ClientSession) -> None:
    """After `refresh_token_lifetime` seconds."""
    oauth_server.refresh_token_lifetime = 0.01
    token = await signed_in(session, oauth_server)
    await asyncio.sleep(0.02)
    answered = await refresh(session, oauth_server, token["refresh_token"])
    assert refusal(answered) == (400, "invalid_grant")
    assert "expired" in answered.text


async def test_refresh_tokens_can_be_revoked(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """By the test; access tokens stay good, and so it is the other way about."""
    token = await signed_in(session, oauth_server)
    oauth_server.revoke_refresh_tokens()
    headers = bearer(token["access_token"])
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 200
    answered = await refresh(session, oauth_server, token["refresh_token"])
    assert refusal(answered) == (400, "invalid_grant")
    token = await signed_in(session, oauth_server)
    oauth_server.revoke_all()
    assert (await refresh(session, oauth_server, token["refresh_token"])).status == 200


async def test_access_tokens_expire_and_refresh_tokens_do_not(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`expire_all` is for access tokens."""
    token = await signed_in(session, oauth_server)
    oauth_server.expire_all()
    headers = bearer(token["access_token"])
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 401
    assert (await refresh(session, oauth_server, token["refresh_token"])).status == 200


@pytest.mark.parametrize("scope", [None, "read", "read offline_access"])
async def test_the_policy_says_who_gets_a_refresh_token(
    oauth_server: OAuthServer, session: ClientSession, scope: str | None
) -> None:
    """The server's switch, the client's `offline`, and the scope `offline_access`."""
    assert "refresh_token" in await signed_in(session, oauth_server, scope=scope)
    oauth_server.offline_access_scope = True
    given = "refresh_token" in await signed_in(session, oauth_server, scope=scope)
    assert given == (scope == "read offline_access")
    oauth_server.add_client("client-id", "secret", offline=False)
    assert "refresh_token" not in await signed_in(session, oauth_server, scope=scope)
    oauth_server.add_client("client-id", "secret")
    oauth_server.refresh_tokens = False
    assert "refresh_token" not in await signed_in(session, oauth_server, scope=scope)


async def test_the_token_response_can_be_falsified(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Members are replaced, or left out."""
    oauth_server.changes["token"] = {"token_type": "N_A", "refresh_token": MISSING}
    token = await signed_in(session, oauth_server)
    assert set(token) == {"access_token", "token_type", "expires_in"}
    assert token["token_type"] == "N_A"


async def test_a_test_can_wait_for_a_grant(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`reached` knows requests by endpoint, grants by type and refusals by error."""
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
