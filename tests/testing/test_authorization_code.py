"""The authorization code flow: login page with PKCE, redirect and token request."""

import re

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, OAuthServer
from tests.testing.code_flow import (
    CHALLENGE,
    REDIRECT_URI,
    VERIFIER,
    authorization_params,
    authorize,
    new_code,
    redeem,
    redirect_query,
    refresh,
    signed_in,
)
from tests.testing.plain_client import basic, bearer, error_of, send


async def test_user_signs_in_and_client_gets_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The redirect has `code`, `state` and `iss` (RFC 6749 §4.1, RFC 9207)."""
    url, params = oauth_server.authorization_endpoint, authorization_params(scope="read")
    page = await send(session, "GET", url, params=params)
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert ticket is not None
    form = {"ticket": ticket[1], "username": "Ada", "decision": "sign-in"}
    sent = redirect_query(await send(session, "POST", url, data=form))
    code = sent.pop("code")
    assert sent == {"state": "a state", "iss": oauth_server.issuer}
    response = await redeem(session, oauth_server, code)
    assert response.headers["Cache-Control"] == "no-store"
    token = response.json
    assert set(token) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    headers = bearer(str(token["access_token"]))
    arrived = (await send(session, "GET", oauth_server.url("/"), headers=headers)).json
    assert (arrived["user"], arrived["scope"], arrived["client_id"]) == ("Ada", "read", "client-id")
    assert oauth_server.logins == 1
    assert oauth_server.granted == {"authorization_code": 1}


async def test_cancel_sends_access_denied_in_the_query(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Errors of the code flow are sent in the query (RFC 6749 §4.1.2.1)."""
    url = oauth_server.authorization_endpoint
    page = await send(session, "GET", url, params=authorization_params())
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert ticket is not None
    sent = redirect_query(await send(session, "POST", url, data={"ticket": ticket[1]}))
    assert (sent["error"], sent["iss"]) == ("access_denied", oauth_server.issuer)


async def test_auto_sign_in_redirects_without_a_page(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """With `auto_sign_in` a test needs no browser."""
    assert set(redirect_query(await authorize(session, oauth_server))) == {"code", "state", "iss"}


async def test_query_of_the_redirect_uri_is_kept(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The code is added to it (RFC 6749 §3.1.2)."""
    redirect_uri = "https://app.example.com/cb?x=1"
    oauth_server.add_client("client-id", "secret", redirect_uris=[redirect_uri])
    response = await authorize(session, oauth_server, redirect_uri=redirect_uri)
    assert response.headers["Location"].startswith(redirect_uri + "&code=")


async def test_iss_can_be_disabled(oauth_server: OAuthServer, session: ClientSession) -> None:
    """With `iss_parameter=False` the redirect has no `iss`."""
    oauth_server.iss_parameter = False
    assert "iss" not in redirect_query(await authorize(session, oauth_server))


async def test_redirect_parameters_can_be_changed(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Parameters can be replaced, left out, added and repeated."""
    oauth_server.changes["authorization"] = {
        "iss": "https://evil.example",
        "state": MISSING,
        "code": ["one", "two"],
    }
    location = (await authorize(session, oauth_server)).headers["Location"]
    assert location == f"{REDIRECT_URI}?code=one&code=two&iss=https%3A%2F%2Fevil.example"


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "short"},
    ],
    ids=str,
)
async def test_code_challenge_with_s256_is_required(
    oauth_server: OAuthServer, session: ClientSession, changed: dict[str, str | None]
) -> None:
    """Without one, or with `plain`, the client gets `invalid_request` (RFC 7636 §4.4.1)."""
    sent = redirect_query(await authorize(session, oauth_server, **changed))
    assert (sent["error"], sent["state"]) == ("invalid_request", "a state")


async def test_pkce_is_optional_if_configured(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """With `require_pkce=False` a verifier is checked if there was a challenge, else refused."""
    oauth_server.require_pkce = False
    without: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    for asked, verifier, status in (
        (without, None, 200),
        (without, VERIFIER, 400),
        ({}, VERIFIER, 200),
        ({}, None, 400),
        ({}, VERIFIER + "x", 400),
    ):
        code = await new_code(session, oauth_server, **asked)
        response = await redeem(session, oauth_server, code, code_verifier=verifier)
        assert response.status == status


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": VERIFIER + "x"}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": REDIRECT_URI + "/"}, "invalid_grant"),
        ({"redirect_uri": REDIRECT_URI.replace("32000", "32001")}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"code": "another"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"resource": "not a uri"}, "invalid_target"),
    ],
    ids=str,
)
async def test_token_request_must_match_the_authorization_request(
    oauth_server: OAuthServer,
    session: ClientSession,
    changed: dict[str, str | None],
    error: str,
) -> None:
    """Verifier and redirect URI are compared exactly (RFC 6749 §4.1.3)."""
    code = await new_code(session, oauth_server)
    response = await redeem(session, oauth_server, code, **changed)
    assert error_of(response) == (400, error)
    assert oauth_server.refused == {error: 1}


async def test_code_is_bound_to_its_client(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Another client gets `invalid_grant`."""
    oauth_server.add_client("other", "secret")
    code = await new_code(session, oauth_server)
    response = await redeem(session, oauth_server, code, basic("other"))
    assert error_of(response) == (400, "invalid_grant")


async def test_code_expires(session: ClientSession) -> None:
    """The code expires after `code_lifetime` seconds."""
    async with OAuthServer(code_lifetime=0) as server:
        response = await redeem(session, server, await new_code(session, server))
    assert error_of(response) == (400, "invalid_grant")
    assert "expired" in response.text


async def test_second_use_of_a_code_revokes_its_tokens(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Access token and refresh token are revoked (RFC 6749 §4.1.2)."""
    others = await signed_in(session, oauth_server)
    code = await new_code(session, oauth_server)
    token = (await redeem(session, oauth_server, code)).json
    assert error_of(await redeem(session, oauth_server, code)) == (400, "invalid_grant")
    headers = bearer(str(token["access_token"]))
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 401
    assert error_of(await refresh(session, oauth_server, str(token["refresh_token"])))[0] == 400
    headers = bearer(others["access_token"])
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 200


async def test_public_client_must_send_its_client_id(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A client without a secret sends `client_id` (RFC 6749 §4.1.3)."""
    oauth_server.add_client("desktop")
    code = await new_code(session, oauth_server, client_id="desktop")
    response = await redeem(session, oauth_server, code, {}, client_id="desktop")
    assert response.status == 200
    code = await new_code(session, oauth_server, client_id="desktop")
    assert error_of(await redeem(session, oauth_server, code, {})) == (401, "invalid_client")


async def test_loopback_port_can_be_significant(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """With `any_loopback_port=False` redirect URIs are compared with the port."""
    oauth_server.add_client(
        "client-id", "secret", redirect_uris=[REDIRECT_URI], any_loopback_port=False
    )
    assert "code" in redirect_query(await authorize(session, oauth_server))
    other = REDIRECT_URI.replace("32000", "32001")
    page = await authorize(session, oauth_server, redirect_uri=other)
    assert (page.status, "is not registered" in page.text) == (400, True)


@pytest.mark.parametrize(
    ("redirect_uri", "is_allowed"),
    [
        ("http://127.0.0.1:5000/any/path", True),
        ("http://localhost/login?next=1", True),
        ("http://[::1]:5000", True),
        ("https://127.0.0.1/callback", False),
        ("http://app.example.com/callback", False),
        ("http://127.0.0.1:no-port/", False),
    ],
)
async def test_loopback_path_can_be_ignored(
    oauth_server: OAuthServer, session: ClientSession, redirect_uri: str, *, is_allowed: bool
) -> None:
    """With `any_loopback_path=True` each http URL of this machine is a redirect URI."""
    oauth_server.add_client("desktop", any_loopback_path=True)
    page = await authorize(session, oauth_server, client_id="desktop", redirect_uri=redirect_uri)
    assert (page.status, "not registered" in page.text) == (
        (303, False) if is_allowed else (400, True)
    )


async def test_grant_types_can_be_limited(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Client and server each have `grant_types`."""
    oauth_server.add_client("client-id", "secret", grant_types=["client_credentials"])
    code = await new_code(session, oauth_server)
    assert error_of(await redeem(session, oauth_server, code)) == (400, "unauthorized_client")
    oauth_server.grant_types = ["client_credentials"]
    assert error_of(await redeem(session, oauth_server, code)) == (400, "unsupported_grant_type")


async def test_public_client_cannot_use_client_credentials(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The client credentials grant is for confidential clients (RFC 6749 §4.4)."""
    oauth_server.add_client("desktop")
    form = {"grant_type": "client_credentials", "client_id": "desktop"}
    response = await send(session, "POST", oauth_server.token_endpoint, data=form)
    assert error_of(response) == (400, "unauthorized_client")


async def test_challenge_is_not_accepted_as_verifier(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The `plain` method is not supported."""
    code = await new_code(session, oauth_server)
    response = await redeem(session, oauth_server, code, code_verifier=CHALLENGE)
    assert error_of(response) == (400, "invalid_grant")
