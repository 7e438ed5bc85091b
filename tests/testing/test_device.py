"""The device flow (RFC 8628): codes, verification page and polling."""

import asyncio
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Fault, OAuthServer
from tests.testing.code_flow import post
from tests.testing.plain_client import ReadResponse, basic, bearer, error_of, send

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


async def start(session: ClientSession, server: OAuthServer, **form: str) -> dict[str, str]:
    """Request the codes for a device."""
    response = await post(session, server.device_authorization_endpoint, form)
    assert response.status == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    return cast("dict[str, str]", response.json)


async def poll(session: ClientSession, server: OAuthServer, device: dict[str, str]) -> ReadResponse:
    """Request the device's token."""
    form = {"grant_type": DEVICE_CODE, "device_code": device["device_code"]}
    return await post(session, server.token_endpoint, form)


async def submit(
    session: ClientSession, device: dict[str, str], decision: str, **changed: str
) -> ReadResponse:
    """Fill in the verification page and submit it with one of its buttons."""
    form = {"user_code": device["user_code"], "username": "Ada", "decision": decision, **changed}
    return await send(session, "POST", device["verification_uri"], data=form)


async def test_device_authorization_response_is_complete(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """It has two codes, two URLs, lifetime and interval (§3.2)."""
    device = await start(session, oauth_server)
    assert device["verification_uri"].startswith(oauth_server.issuer)
    assert device["verification_uri_complete"].endswith(f"?user_code={device['user_code']}")
    assert device["expires_in"] == cast("object", 600)
    assert device["interval"] == cast("object", 5)
    assert oauth_server.requests["device_authorization"] == 1


async def test_user_approves_on_the_page(oauth_server: OAuthServer, session: ClientSession) -> None:
    """The page contains the code; case and dash of the typed code do not matter."""
    device = await start(session, oauth_server, scope="read")
    page = await send(session, "GET", device["verification_uri_complete"])
    assert (page.status, f'value="{device["user_code"]}"' in page.text) == (200, True)
    typed = device["user_code"].lower().replace("-", " ")
    assert "signed in" in (await submit(session, device, "approve", user_code=typed)).text
    response = await poll(session, oauth_server, device)
    assert {"access_token", "refresh_token", "scope"} <= set(response.json)
    headers = bearer(str(response.json["access_token"]))
    arrived = (await send(session, "GET", oauth_server.url("/"), headers=headers)).json
    assert (arrived["user"], arrived["scope"]) == ("Ada", "read")
    assert oauth_server.logins == oauth_server.granted[DEVICE_CODE] == 1
    assert oauth_server.requests["device_verification"] == 2


async def test_user_denies_on_the_page(oauth_server: OAuthServer, session: ClientSession) -> None:
    """The device gets `access_denied`, and the decision is final."""
    device = await start(session, oauth_server)
    assert "denied the request" in (await submit(session, device, "deny")).text
    assert error_of(await poll(session, oauth_server, device)) == (400, "access_denied")
    assert (await submit(session, device, "approve")).status == 400


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"user_code": "WRONG"}, "No device waits"),
        ({"user_code": '"><b>'}, "No device waits"),
        ({"user_code": ""}, "No device waits"),
        ({"username": " "}, "Please type a name"),
    ],
)
async def test_page_is_shown_again_with_the_problem(
    oauth_server: OAuthServer, session: ClientSession, changed: dict[str, str], problem: str
) -> None:
    """The typed code is escaped."""
    device = await start(session, oauth_server)
    page = await submit(session, device, "approve", **changed)
    assert (page.status, problem in page.text, "<b>" in page.text) == (400, True, False)
    assert error_of(await poll(session, oauth_server, device)) == (400, "authorization_pending")


async def test_page_accepts_forms_only(oauth_server: OAuthServer, session: ClientSession) -> None:
    """400 for another body, 405 for other methods."""
    url = (await start(session, oauth_server))["verification_uri"]
    assert (await send(session, "POST", url)).status == 400
    response = await send(session, "PUT", url)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_approve_and_deny_without_a_browser(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`approve` and `deny` work like the page; an unknown code raises LookupError."""
    first, second = await start(session, oauth_server), await start(session, oauth_server)
    oauth_server.approve(first["user_code"], "Grace")
    oauth_server.deny(second["user_code"])
    assert (await poll(session, oauth_server, first)).status == 200
    assert error_of(await poll(session, oauth_server, second)) == (400, "access_denied")
    for decide in (oauth_server.approve, oauth_server.deny):
        with pytest.raises(LookupError, match="No device waits with the code"):
            decide(first["user_code"])


async def test_fast_polling_gets_slow_down(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """First `authorization_pending`, then `slow_down`, which adds 5 s to the interval (§3.5)."""
    oauth_server.device_interval = 0.05
    device = await start(session, oauth_server)
    assert error_of(await poll(session, oauth_server, device)) == (400, "authorization_pending")
    await asyncio.sleep(0.06)
    assert error_of(await poll(session, oauth_server, device)) == (400, "authorization_pending")
    assert error_of(await poll(session, oauth_server, device)) == (400, "slow_down")
    await asyncio.sleep(0.06)
    assert error_of(await poll(session, oauth_server, device)) == (400, "slow_down")
    oauth_server.approve(device["user_code"])
    assert (await poll(session, oauth_server, device)).status == 200


async def test_slow_down_can_be_disabled(oauth_server: OAuthServer, session: ClientSession) -> None:
    """With `device_slow_down=False` only a fault sends `slow_down`."""
    oauth_server.device_slow_down = False
    device = await start(session, oauth_server)
    for _ in range(2):
        assert error_of(await poll(session, oauth_server, device)) == (400, "authorization_pending")
    oauth_server.token_fault = Fault.oauth_error("slow_down").times(1)
    assert error_of(await poll(session, oauth_server, device)) == (400, "slow_down")


async def test_interval_and_complete_uri_can_be_left_out(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Both are optional (§3.2)."""
    oauth_server.changes["device_authorization"] = {
        "interval": MISSING,
        "verification_uri_complete": MISSING,
    }
    device = await start(session, oauth_server)
    assert device.keys().isdisjoint({"interval", "verification_uri_complete"})


async def test_device_code_expires(oauth_server: OAuthServer, session: ClientSession) -> None:
    """After `device_code_lifetime` seconds polls and the page reject the code."""
    oauth_server.device_code_lifetime = 0.01
    device = await start(session, oauth_server)
    await asyncio.sleep(0.02)
    assert error_of(await poll(session, oauth_server, device)) == (400, "expired_token")
    assert (await submit(session, device, "approve")).status == 400


async def test_device_code_is_single_use_and_bound_to_its_client(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Another client and a second use get `invalid_grant`."""
    oauth_server.add_client("other", "secret")
    device = await start(session, oauth_server)
    oauth_server.approve(device["user_code"])
    form = {"grant_type": DEVICE_CODE, "device_code": device["device_code"]}
    response = await post(session, oauth_server.token_endpoint, form, basic("other"))
    assert error_of(response) == (400, "invalid_grant")
    assert (await poll(session, oauth_server, device)).status == 200
    assert error_of(await poll(session, oauth_server, device)) == (400, "invalid_grant")


async def test_device_authorization_request_is_checked(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Client, scope and resource are checked before the user is asked."""
    oauth_server.add_client("tv", scopes=["read"])
    url = oauth_server.device_authorization_endpoint
    response = await post(session, url, {"client_id": "tv", "scope": "admin"}, {})
    assert error_of(response) == (400, "invalid_scope")
    assert error_of(await post(session, url, {"client_id": "nobody"}, {})) == (
        401,
        "invalid_client",
    )
    response = await post(session, url, {"client_id": "tv", "resource": "x"}, {})
    assert error_of(response) == (400, "invalid_target")


async def test_only_the_named_users_can_approve(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The page is shown again for any other name."""
    oauth_server.users = ["Grace"]
    device = await start(session, oauth_server)
    page = await submit(session, device, "approve")
    assert (page.status, "The users are: Grace." in page.text) == (400, True)
    assert 'placeholder="Grace, no password"' in page.text
    assert "signed in" in (await submit(session, device, "approve", username="Grace")).text
