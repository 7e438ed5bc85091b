"""Token revocation (RFC 7009) and introspection (RFC 7662)."""

import time
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Fault, OAuthServer
from tests.testing.code_flow import post, refresh, signed_in
from tests.testing.plain_client import ReadResponse, basic, bearer, error_of, new_token, send


async def revoke(
    session: ClientSession,
    server: OAuthServer,
    token: str,
    headers: dict[str, str] | None = None,
    **more: str,
) -> ReadResponse:
    """Send a revocation request."""
    return await post(session, server.revocation_endpoint, {"token": token, **more}, headers)


async def introspect(
    session: ClientSession, server: OAuthServer, token: str, headers: dict[str, str] | None = None
) -> ReadResponse:
    """Send an introspection request."""
    return await post(session, server.introspection_endpoint, {"token": token}, headers)


async def is_valid(session: ClientSession, server: OAuthServer, token: str) -> bool:
    """Whether the API accepts the token."""
    return (await send(session, "GET", server.url("/"), headers=bearer(token))).status == 200


async def test_revoking_an_access_token_keeps_the_refresh_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """200 with an empty body (RFC 7009 §2.1)."""
    token = await signed_in(session, oauth_server)
    response = await revoke(
        session, oauth_server, token["access_token"], token_type_hint="refresh_token"
    )
    assert (response.status, response.text) == (200, "")
    assert not await is_valid(session, oauth_server, token["access_token"])
    assert (await refresh(session, oauth_server, token["refresh_token"])).status == 200
    assert oauth_server.requests["revocation"] == 1


async def test_revoking_a_refresh_token_revokes_its_family(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Access tokens of the same sign-in are revoked too (RFC 7009 §2.1)."""
    token = await signed_in(session, oauth_server)
    assert (await revoke(session, oauth_server, token["refresh_token"])).status == 200
    assert not await is_valid(session, oauth_server, token["access_token"])
    response = await refresh(session, oauth_server, token["refresh_token"])
    assert error_of(response) == (400, "invalid_grant")


async def test_revoking_an_unknown_token_succeeds(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """200, as for a known token (RFC 7009 §2.2)."""
    assert (await revoke(session, oauth_server, "unknown")).status == 200


async def test_client_cannot_revoke_the_token_of_another(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The token must belong to the client (RFC 7009 §2.1)."""
    oauth_server.add_client("other", "secret")
    token = await new_token(session, oauth_server)
    response = await revoke(session, oauth_server, token, basic("other"))
    assert error_of(response) == (400, "unauthorized_client")
    assert await is_valid(session, oauth_server, token)


async def test_public_client_can_revoke(oauth_server: OAuthServer, session: ClientSession) -> None:
    """It sends its `client_id` (RFC 7009 §2.1); an unnamed client is rejected."""
    oauth_server.add_client("desktop")
    assert (await revoke(session, oauth_server, "x", {}, client_id="desktop")).status == 200
    assert error_of(await revoke(session, oauth_server, "x", {})) == (401, "invalid_client")
    response = await post(session, oauth_server.revocation_endpoint, {"client_id": "desktop"}, {})
    assert error_of(response) == (400, "invalid_request")


async def test_failed_revocation_keeps_the_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """After a 503 the token is still valid (RFC 7009 §2.2.1)."""
    oauth_server.faults["revocation"] = Fault.status(503, headers={"Retry-After": "1"})
    token = await new_token(session, oauth_server)
    assert (await revoke(session, oauth_server, token)).status == 503
    assert await is_valid(session, oauth_server, token)


async def test_introspection_describes_the_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The response has every known member (RFC 7662 §2.2)."""
    token = await signed_in(session, oauth_server, scope="read", resource="https://api.example.com")
    members = (await introspect(session, oauth_server, token["access_token"])).json
    assert cast("int", members.pop("exp")) - time.time() == pytest.approx(3600, abs=5)
    assert members == {
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


async def test_introspection_leaves_out_unknown_members(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Tokens without scope, resource or expiry, and refresh tokens, have fewer members."""
    oauth_server.expires_in = MISSING
    members = (await introspect(session, oauth_server, await new_token(session, oauth_server))).json
    assert set(members) == {"active", "iss", "client_id", "sub", "token_type"}
    token = await signed_in(session, oauth_server)
    members = (await introspect(session, oauth_server, token["refresh_token"])).json
    assert set(members) == {"active", "iss", "client_id", "sub", "username"}


async def test_invalid_token_is_not_active(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Unknown, revoked, expired and used tokens get only `active: false` (RFC 7662 §2.2)."""
    token = await signed_in(session, oauth_server)
    await refresh(session, oauth_server, token["refresh_token"])
    oauth_server.expire_all()
    for value in ("unknown", token["refresh_token"], token["access_token"]):
        assert (await introspect(session, oauth_server, value)).json == {"active": False}


async def test_introspection_needs_client_authentication(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A public client is rejected, to prevent token scanning (RFC 7662 §2.1)."""
    oauth_server.add_client("desktop")
    form = {"token": "x", "client_id": "desktop"}
    response = await post(session, oauth_server.introspection_endpoint, form, {})
    assert error_of(response) == (401, "invalid_client")


async def test_introspection_response_can_be_changed(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Members can be replaced or left out."""
    oauth_server.changes["introspection"] = {"active": "yes"}
    assert (await introspect(session, oauth_server, "unknown")).json == {"active": "yes"}
