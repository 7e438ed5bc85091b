"""The device flow (RFC 8628): codes, the page, the polls, and how it ends."""

import asyncio
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Fault, OAuthServer
from tests.testing.code_flow import post
from tests.testing.plain_client import Answered, basic, bearer, refusal, send

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


async def begin(session: ClientSession, server: OAuthServer, **form: str) -> dict[str, str]:
    """What a device is told."""
    answered = await post(session, server.device_authorization_endpoint, form)
    assert answered.status == 200, answered.text
    assert answered.headers["Cache-Control"] == "no-store"
    return cast("dict[str, str]", answered.json)


async def poll(session: ClientSession, server: OAuthServer, device: dict[str, str]) -> Answered:
    """Ask for the device's token."""
    form = {"grant_type": DEVICE_CODE, "device_code": device["device_code"]}
    return await post(session, server.token_endpoint, form)


async def press(
    session: ClientSession, device: dict[str, str], decision: str, **changed: str
) -> Answered:
    """Fill in the device's page and press one of its buttons."""
    form = {"user_code": device["user_code"], "username": "Ada", "decision": decision, **changed}
    return await send(session, "POST", device["verification_uri"], data=form)


async def test_a_device_is_told_its_codes(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Two codes, two addresses, lifetime and interval (§3.2)."""
    device = await begin(session, oauth_server)
    assert device["verification_uri"].startswith(oauth_server.issuer)
    assert device["verification_uri_complete"].endswith(f"?user_code={device['user_code']}")
    assert device["expires_in"] == cast("object", 600)
    assert device["interval"] == cast("object", 5)
    assert oauth_server.requests["device_authorization"] == 1


async def test_somebody_approves_on_the_page(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The page has the code in it; case and dash are free; then there is a token."""
    device = await begin(session, oauth_server, scope="read")
    page = await send(session, "GET", device["verification_uri_complete"])
    assert (page.status, f'value="{device["user_code"]}"' in page.text) == (200, True)
    typed = device["user_code"].lower().replace("-", " ")
    assert "signed in" in (await press(session, device, "approve", user_code=typed)).text
    answered = await poll(session, oauth_server, device)
    assert {"access_token", "refresh_token", "scope"} <= set(answered.json)
    headers = bearer(str(answered.json["access_token"]))
    arrived = (await send(session, "GET", oauth_server.url("/"), headers=headers)).json
    assert (arrived["user"], arrived["scope"]) == ("Ada", "read")
    assert oauth_server.logins == oauth_server.granted[DEVICE_CODE] == 1
    assert oauth_server.requests["device_verification"] == 2


async def test_somebody_denies_on_the_page(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The device hears `access_denied`, and no one can change their mind."""
    device = await begin(session, oauth_server)
    assert "gets nothing" in (await press(session, device, "deny")).text
    assert refusal(await poll(session, oauth_server, device)) == (400, "access_denied")
    assert (await press(session, device, "approve")).status == 400


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"user_code": "WRONG"}, "No device waits"),
        ({"user_code": '"><b>'}, "No device waits"),
        ({"user_code": ""}, "No device waits"),
        ({"username": " "}, "Please type a name"),
    ],
)
async def test_the_page_says_what_is_missing(
    oauth_server: OAuthServer, session: ClientSession, changed: dict[str, str], problem: str
) -> None:
    """It comes again, with what was typed, as text."""
    device = await begin(session, oauth_server)
    page = await press(session, device, "approve", **changed)
    assert (page.status, problem in page.text, "<b>" in page.text) == (400, True, False)
    assert refusal(await poll(session, oauth_server, device)) == (400, "authorization_pending")


async def test_the_page_takes_forms_only(oauth_server: OAuthServer, session: ClientSession) -> None:
    """400 for a body that is none, 405 for other methods."""
    url = (await begin(session, oauth_server))["verification_uri"]
    assert (await send(session, "POST", url)).status == 400
    answered = await send(session, "PUT", url)
    assert (answered.status, answered.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_a_test_approves_or_denies_without_a_browser(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`approve` and `deny` do what the page does; a code that no device has is a mistake."""
    first, second = await begin(session, oauth_server), await begin(session, oauth_server)
    oauth_server.approve(first["user_code"], "Grace")
    oauth_server.deny(second["user_code"])
    assert (await poll(session, oauth_server, first)).status == 200
    assert refusal(await poll(session, oauth_server, second)) == (400, "access_denied")
    for decide in (oauth_server.approve, oauth_server.deny):
        with pytest.raises(LookupError, match="No device waits with the code"):
            decide(first["user_code"])


async def test_who_asks_too_often_is_slowed_down(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """First `authorization_pending`, then `slow_down`, and the interval grows by 5 s (§3.5)."""
    oauth_server.device_interval = 0.05
    device = await begin(session, oauth_server)
    assert refusal(await poll(session, oauth_server, device)) == (400, "authorization_pending")
    await asyncio.sleep(0.06)
    assert refusal(await poll(session, oauth_server, device)) == (400, "authorization_pending")
    assert refusal(await poll(session, oauth_server, device)) == (400, "slow_down")
    await asyncio.sleep(0.06)
    assert refusal(await poll(session, oauth_server, device)) == (400, "slow_down")
    oauth_server.approve(device["user_code"])
    assert (await poll(session, oauth_server, device)).status == 200


async def test_a_server_need_not_mind(oauth_server: OAuthServer, session: ClientSession) -> None:
    """With `device_slow_down` off, or by a fault where a test asks for it."""
    oauth_server.device_slow_down = False
    device = await begin(session, oauth_server)
    for _ in range(2):
        assert refusal(await poll(session, oauth_server, device)) == (400, "authorization_pending")
    oauth_server.token_fault = Fault.oauth_error("slow_down").times(1)
    assert refusal(await poll(session, oauth_server, device)) == (400, "slow_down")


async def test_the_interval_and_the_complete_address_can_be_left_out(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Both are optional (§3.2)."""
    oauth_server.changes["device_authorization"] = {
        "interval": MISSING,
        "verification_uri_complete": MISSING,
    }
    device = await begin(session, oauth_server)
    assert device.keys().isdisjoint({"interval", "verification_uri_complete"})


async def test_a_device_code_does_not_stay_good(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """After `device_code_lifetime` seconds: `expired_token`, and the page knows it no more."""
    oauth_server.device_code_lifetime = 0.01
    device = await begin(session, oauth_server)
    await asyncio.sleep(0.02)
    assert refusal(await poll(session, oauth_server, device)) == (400, "expired_token")
    assert (await press(session, device, "approve")).status == 400


async def test_a_device_code_is_good_once_and_for_one_client(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Another client, and another time, get nothing."""
    oauth_server.add_client("other", "secret")
    device = await begin(session, oauth_server)
    oauth_server.approve(device["user_code"])
    form = {"grant_type": DEVICE_CODE, "device_code": device["device_code"]}
    answered = await post(session, oauth_server.token_endpoint, form, basic("other"))
    assert refusal(answered) == (400, "invalid_grant")
    assert (await poll(session, oauth_server, device)).status == 200
    assert refusal(await poll(session, oauth_server, device)) == (400, "invalid_grant")


async def test_what_a_device_asks_for_is_checked(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Client, scope and resource, before anybody is asked."""
    oauth_server.add_client("tv", scopes=["read"])
    url = oauth_server.device_authorization_endpoint
    answered = await post(session, url, {"client_id": "tv", "scope": "admin"}, {})
    assert refusal(answered) == (400, "invalid_scope")
    assert refusal(await post(session, url, {"client_id": "nobody"}, {})) == (401, "invalid_client")
    answered = await post(session, url, {"client_id": "tv", "resource": "x"}, {})
    assert refusal(answered) == (400, "invalid_target")
