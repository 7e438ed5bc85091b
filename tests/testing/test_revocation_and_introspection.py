"""Ending tokens (RFC 7009) and asking what they are good for (RFC 7662)."""

import time
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Fault, OAuthServer
from tests.testing.code_flow import post, refresh, signed_in
from tests.testing.plain_client import Answered, basic, bearer, new_token, refusal, send


async def revoke(
    session: ClientSession,
    server: OAuthServer,
    token: str,
    headers: dict[str, str] | None = None,
    **more: str,
) -> Answered:
    """Ask for a token's end."""
    return await post(session, server.revocation_endpoint, {"token": token, **more}, headers)


async def introspect(
    session: ClientSession, server: OAuthServer, token: str, headers: dict[str, str] | None = None
) -> Answered:
    """Ask what a token is good for."""
    return await post(session, server.introspection_endpoint, {"token": token}, headers)


async def is_good(session: ClientSession, server: OAuthServer, token: str) -> bool:
    """Whether the API takes the token."""
    return (await send(session, "GET", server.url("/"), headers=bearer(token))).status == 200


async def test_an_access_token_ends_alone(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """200 and an empty body; the refresh token goes on (RFC 7009 §2.1)."""
    token = await signed_in(session, oauth_server)
    answered = await revoke(
        session, oauth_server, token["access_token"], token_type_hint="refresh_token"
    )
    assert (answered.status, answered.text) == (200, "")
    assert not await is_good(session, oauth_server, token["access_token"])
    assert (await refresh(session, oauth_server, token["refresh_token"])).status == 200
    assert oauth_server.requests["revocation"] == 1


async def test_a_refresh_token_takes_its_family_along(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Access tokens of the same sign-in end with it (RFC 7009 §2.1)."""
    token = await signed_in(session, oauth_server)
    assert (await revoke(session, oauth_server, token["refresh_token"])).status == 200
    assert not await is_good(session, oauth_server, token["access_token"])
    answered = await refresh(session, oauth_server, token["refresh_token"])
    assert refusal(answered) == (400, "invalid_grant")


async def test_an_unknown_token_is_no_error(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """It is as dead as one wants it (RFC 7009 §2.2)."""
    assert (await revoke(session, oauth_server, "unknown")).status == 200


async def test_no_client_ends_anothers_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The token is checked to be the client's own (RFC 7009 §2.1)."""
    oauth_server.add_client("other", "secret")
    token = await new_token(session, oauth_server)
    answered = await revoke(session, oauth_server, token, basic("other"))
    assert refusal(answered) == (400, "unauthorized_client")
    assert await is_good(session, oauth_server, token)


async def test_a_public_client_may_revoke(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """It names itself (RFC 7009 §2.1); a stranger does not get that far."""
    oauth_server.add_client("desktop")
    assert (await revoke(session, oauth_server, "x", {}, client_id="desktop")).status == 200
    assert refusal(await revoke(session, oauth_server, "x", {})) == (401, "invalid_client")
    answered = await post(session, oauth_server.revocation_endpoint, {"client_id": "desktop"}, {})
    assert refusal(answered) == (400, "invalid_request")


async def test_revocation_can_fail(oauth_server: OAuthServer, session: ClientSession) -> None:
    """503 means that the token still lives (RFC 7009 §2.2.1)."""
    oauth_server.faults["revocation"] = Fault.status(503, headers={"Retry-After": "1"})
    token = await new_token(session, oauth_server)
    assert (await revoke(session, oauth_server, token)).status == 503
    assert await is_good(session, oauth_server, token)


async def test_an_api_is_told_what_a_token_is_good_for(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """All that is known of it (RFC 7662 §2.2)."""
    token = await signed_in(session, oauth_server, scope="read", resource="https://api.example.com")
    said = (await introspect(session, oauth_server, token["access_token"])).json
    assert cast("int", said.pop("exp")) - time.time() == pytest.approx(3600, abs=5)
    assert said == {
        "active": True,
        "iss": oauth_server.issuer,
        "client_id": "client-id",
        "sub": "Ada",
        "username": "Ada",
        "scope": "read",
        "aud": ["https://api.example.com"],
        "token_type": "Bearer",
    }
    assert oauth_server.requests["introspection"] == 1


async def test_what_is_not_there_is_not_said(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A client's token without scope, resource and end; a refresh token without a type."""
    oauth_server.expires_in = MISSING
    said = (await introspect(session, oauth_server, await new_token(session, oauth_server))).json
    assert set(said) == {"active", "iss", "client_id", "sub", "token_type"}
    token = await signed_in(session, oauth_server)
    said = (await introspect(session, oauth_server, token["refresh_token"])).json
    assert set(said) == {"active", "iss", "client_id", "sub", "username"}


async def test_a_token_that_is_good_for_nothing_is_not_active(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Unknown, revoked, expired and used-up ones alike, and no more is said (RFC 7662 §2.2)."""
    token = await signed_in(session, oauth_server)
    await refresh(session, oauth_server, token["refresh_token"])
    oauth_server.expire_all()
    for value in ("unknown", token["refresh_token"], token["access_token"]):
        assert (await introspect(session, oauth_server, value)).json == {"active": False}


async def test_only_who_proves_to_be_a_client_is_told(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A public client would let anybody scan for tokens (RFC 7662 §2.1)."""
    oauth_server.add_client("desktop")
    form = {"token": "x", "client_id": "desktop"}
    answered = await post(session, oauth_server.introspection_endpoint, form, {})
    assert refusal(answered) == (401, "invalid_client")


async def test_what_introspection_says_can_be_falsified(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Members are replaced, or left out."""
    oauth_server.changes["introspection"] = {"active": "yes"}
    assert (await introspect(session, oauth_server, "unknown")).json == {"active": "yes"}
