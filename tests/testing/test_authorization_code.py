"""The code flow: the login page with PKCE, the redirect, and the code's exchange."""

import re

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, OAuthServer
from tests.testing.code_flow import (
    CHALLENGE,
    HERE,
    VERIFIER,
    asked,
    authorize,
    new_code,
    query_of,
    redeem,
    refresh,
    signed_in,
)
from tests.testing.plain_client import basic, bearer, refusal, send


async def test_a_person_signs_in_and_the_client_gets_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Page, form, redirect with `code`, `state` and `iss`, exchange (RFC 6749 §4.1, RFC 9207)."""
    url, params = oauth_server.authorization_endpoint, asked(scope="read")
    page = await send(session, "GET", url, params=params)
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert ticket is not None
    form = {"ticket": ticket[1], "username": "Ada", "decision": "sign-in"}
    sent = query_of(await send(session, "POST", url, data=form))
    code = sent.pop("code")
    assert sent == {"state": "a state", "iss": oauth_server.issuer}
    answered = await redeem(session, oauth_server, code)
    assert answered.headers["Cache-Control"] == "no-store"
    token = answered.json
    assert set(token) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    headers = bearer(str(token["access_token"]))
    arrived = (await send(session, "GET", oauth_server.url("/"), headers=headers)).json
    assert (arrived["user"], arrived["scope"], arrived["client_id"]) == ("Ada", "read", "client-id")
    assert oauth_server.logins == 1
    assert oauth_server.granted == {"authorization_code": 1}


async def test_cancel_sends_access_denied_in_the_query(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """An error of the code flow is where the code would be (RFC 6749 §4.1.2.1)."""
    url = oauth_server.authorization_endpoint
    page = await send(session, "GET", url, params=asked())
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert ticket is not None
    sent = query_of(await send(session, "POST", url, data={"ticket": ticket[1]}))
    assert (sent["error"], sent["iss"]) == ("access_denied", oauth_server.issuer)


async def test_someone_who_is_signed_in_sees_no_page(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`auto_sign_in` redirects at once: a test needs no browser."""
    assert set(query_of(await authorize(session, oauth_server))) == {"code", "state", "iss"}


async def test_the_query_of_a_redirect_uri_is_kept(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The code is added to it (RFC 6749 §3.1.2)."""
    redirect_uri = "https://app.example.com/cb?x=1"
    oauth_server.add_client("client-id", "secret", redirect_uris=[redirect_uri])
    answered = await authorize(session, oauth_server, redirect_uri=redirect_uri)
    assert answered.headers["Location"].startswith(redirect_uri + "&code=")


async def test_iss_can_be_switched_off(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Many servers do not say it yet."""
    oauth_server.iss_parameter = False
    assert "iss" not in query_of(await authorize(session, oauth_server))


async def test_the_redirect_can_be_falsified(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Parameters are replaced, left out, added, or repeated."""
    oauth_server.changes["authorization"] = {
        "iss": "https://evil.example",
        "state": MISSING,
        "code": ["one", "two"],
    }
    location = (await authorize(session, oauth_server)).headers["Location"]
    assert location == f"{HERE}?code=one&code=two&iss=https%3A%2F%2Fevil.example"


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
async def test_a_challenge_with_s256_is_needed(
    oauth_server: OAuthServer, session: ClientSession, changed: dict[str, str | None]
) -> None:
    """Without one, or with `plain`, the client hears `invalid_request` (RFC 7636 §4.4.1)."""
    sent = query_of(await authorize(session, oauth_server, **changed))
    assert (sent["error"], sent["state"]) == ("invalid_request", "a state")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": VERIFIER + "x"}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": HERE + "/"}, "invalid_grant"),
        ({"redirect_uri": HERE.replace("32000", "32001")}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"code": "another"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"resource": "not a uri"}, "invalid_target"),
    ],
    ids=str,
)
async def test_what_does_not_fit_the_code_is_refused(
    oauth_server: OAuthServer,
    session: ClientSession,
    changed: dict[str, str | None],
    error: str,
) -> None:
    """Verifier and redirect URI are those of the request, to the byte (RFC 6749 §4.1.3)."""
    code = await new_code(session, oauth_server)
    answered = await redeem(session, oauth_server, code, **changed)
    assert refusal(answered) == (400, error)
    assert oauth_server.refused == {error: 1}


async def test_a_code_is_one_clients(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Another client gets nothing for it."""
    oauth_server.add_client("other", "secret")
    code = await new_code(session, oauth_server)
    answered = await redeem(session, oauth_server, code, basic("other"))
    assert refusal(answered) == (400, "invalid_grant")


async def test_a_code_does_not_stay_good(session: ClientSession) -> None:
    """After `code_lifetime` seconds it has expired."""
    async with OAuthServer(code_lifetime=0) as server:
        answered = await redeem(session, server, await new_code(session, server))
    assert refusal(answered) == (400, "invalid_grant")
    assert "expired" in answered.text


async def test_a_second_use_of_a_code_ends_what_came_of_the_first(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The access token and the refresh token are revoked (RFC 6749 §4.1.2)."""
    others = await signed_in(session, oauth_server)
    code = await new_code(session, oauth_server)
    token = (await redeem(session, oauth_server, code)).json
    assert refusal(await redeem(session, oauth_server, code)) == (400, "invalid_grant")
    headers = bearer(str(token["access_token"]))
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 401
    assert refusal(await refresh(session, oauth_server, str(token["refresh_token"])))[0] == 400
    headers = bearer(others["access_token"])
    assert (await send(session, "GET", oauth_server.url("/"), headers=headers)).status == 200


async def test_a_public_client_names_itself(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A client without a secret sends `client_id` (RFC 6749 §4.1.3)."""
    oauth_server.add_client("desktop")
    code = await new_code(session, oauth_server, client_id="desktop")
    answered = await redeem(session, oauth_server, code, {}, client_id="desktop")
    assert answered.status == 200
    code = await new_code(session, oauth_server, client_id="desktop")
    assert refusal(await redeem(session, oauth_server, code, {})) == (401, "invalid_client")


async def test_a_port_can_be_part_of_what_is_registered(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """With `any_loopback_port=False` redirect URIs are compared whole."""
    oauth_server.add_client("client-id", "secret", redirect_uris=[HERE], any_loopback_port=False)
    assert "code" in query_of(await authorize(session, oauth_server))
    other = HERE.replace("32000", "32001")
    page = await authorize(session, oauth_server, redirect_uri=other)
    assert (page.status, "has not registered" in page.text) == (400, True)


async def test_a_client_can_be_kept_to_grants(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`grant_types` of a client, and those of the server."""
    oauth_server.add_client("client-id", "secret", grant_types=["client_credentials"])
    code = await new_code(session, oauth_server)
    assert refusal(await redeem(session, oauth_server, code)) == (400, "unauthorized_client")
    oauth_server.grant_types = ["client_credentials"]
    assert refusal(await redeem(session, oauth_server, code)) == (400, "unsupported_grant_type")


async def test_a_public_client_cannot_act_for_itself(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Client credentials are for confidential clients (RFC 6749 §4.4)."""
    oauth_server.add_client("desktop")
    form = {"grant_type": "client_credentials", "client_id": "desktop"}
    answered = await send(session, "POST", oauth_server.token_endpoint, data=form)
    assert refusal(answered) == (400, "unauthorized_client")


async def test_the_challenge_is_no_verifier(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """What was seen in the browser proves nothing: `plain` is not tried."""
    code = await new_code(session, oauth_server)
    answered = await redeem(session, oauth_server, code, code_verifier=CHALLENGE)
    assert refusal(answered) == (400, "invalid_grant")
