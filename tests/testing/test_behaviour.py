"""Behaviours of providers, and how `OAuthServer` applies them."""

import json
from collections.abc import Mapping

import pytest
from aiohttp import ClientSession

from aioalf import providers
from aioalf.providers import Provider
from aioalf.testing import OAuthServer
from aioalf.testing._behaviours import BEHAVIOURS, behaviour_of
from aioalf.testing.behaviour import STANDARD, Behaviour
from tests.testing.code_flow import authorize, redirect_query
from tests.testing.plain_client import (
    CLIENT_CREDENTIALS,
    ReadResponse,
    basic,
    bearer,
    error_of,
    send,
)

_FORM_TYPE = "application/x-www-form-urlencoded"
FORM = "grant_type=client_credentials"
AS_JSON = json.dumps(CLIENT_CREDENTIALS)


async def post(
    session: ClientSession, server: OAuthServer, body: str, content_type: str = _FORM_TYPE
) -> ReadResponse:
    """Send a body to the token endpoint."""
    headers = {**basic(), "Content-Type": content_type}
    return await send(session, "POST", server.token_endpoint, headers=headers, data=body)


def test_each_provider_has_a_behaviour() -> None:
    """It has the name of the function in `aioalf.providers`."""
    names = set(providers.__all__) - {"Provider", "google_service_account"}
    assert names == BEHAVIOURS.keys()


def test_unknown_provider_is_refused_with_the_known_ones() -> None:
    """A server for it needs a behaviour of its own."""
    with pytest.raises(ValueError, match=r"'acme' .*behaviour=Behaviour.* airtable, amazon"):
        behaviour_of("acme")
    with pytest.raises(ValueError, match="'acme'"):
        OAuthServer(behaves_like=Provider("acme"))


async def test_provider_of_the_server_needs_a_started_server_and_its_facts() -> None:
    """The errors say what to do."""
    with pytest.raises(RuntimeError, match="Pass behaves_like"):
        _ = OAuthServer().provider
    with pytest.raises(RuntimeError, match="not started"):
        _ = OAuthServer(behaves_like=providers.github()).provider


@pytest.mark.parametrize("secret", ["secret", None])
async def test_pkce_may_be_for_public_clients_only(
    session: ClientSession, secret: str | None
) -> None:
    """A client with a secret must not send it, and another one has to."""
    async with OAuthServer(behaviour=Behaviour(pkce="public")) as server:
        server.add_client("client-id", secret)
        without = {"code_challenge": None, "code_challenge_method": None}
        sent = redirect_query(await authorize(session, server))
        left_out = redirect_query(await authorize(session, server, **without))
    refused, accepted = (sent, left_out) if secret else (left_out, sent)
    assert refused["error"] == "invalid_request"
    assert accepted["code"]


async def test_provider_of_the_server_has_the_urls_of_the_server() -> None:
    """All other facts of the provider are unchanged."""
    facts = providers.google()
    async with OAuthServer(behaves_like=facts) as server:
        assert server.provider.endpoints == {
            "authorization_endpoint": server.authorization_endpoint,
            "token_endpoint": server.token_endpoint,
            "device_authorization_endpoint": server.device_authorization_endpoint,
            "revocation_endpoint": server.revocation_endpoint,
        }
        assert server.provider.issuer == server.issuer
        assert server.provider.base_url is None
        assert server.provider.implied_scopes == facts.implied_scopes
    async with OAuthServer(behaves_like=providers.github()) as server:
        assert server.provider.issuer is None
        assert server.provider.base_url == f"{server.api_url}/"


async def test_option_of_the_caller_overrides_the_behaviour() -> None:
    """The behaviour sets only options that have their default value."""
    server = OAuthServer(behaves_like=providers.gitlab(), expires_in=60)
    assert (server.expires_in, server.allow_body_secret) == (60, True)
    assert OAuthServer(behaviour=Behaviour(token_prefix="t-")).behaviour.token_prefix == "t-"
    assert OAuthServer().behaviour is STANDARD


@pytest.mark.parametrize(
    ("body", "content_type", "is_accepted"),
    [
        (AS_JSON, "application/json", True),
        (AS_JSON, "application/json; charset=utf-8", True),
        (FORM, _FORM_TYPE, False),
        (FORM, "application/json", False),
        ("[1]", "application/json", False),
        ('{"grant_type": 5}', "application/json", False),
        ("", "application/json", False),
        ("x" * 70000, "application/json", False),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_server_of_json_requests_accepts_no_other_body(
    session: ClientSession, body: str, content_type: str, *, is_accepted: bool
) -> None:
    """The body is a JSON object of texts."""
    async with OAuthServer(behaviour=Behaviour(request_body="json")) as server:
        response = await post(session, server, body, content_type)
    if is_accepted:
        assert response.status == 200
    else:
        assert error_of(response) == (400, "invalid_request")


@pytest.mark.parametrize(("accepted", "status"), [("form", 400), ("both", 200)])
async def test_json_request_needs_a_server_that_accepts_it(
    session: ClientSession, accepted: str, status: int
) -> None:
    """Forms are accepted by both."""
    behaviour = Behaviour(request_body="both" if accepted == "both" else "form")
    async with OAuthServer(behaviour=behaviour) as server:
        response = await post(session, server, AS_JSON, "application/json")
        assert response.status == status
        response = await post(session, server, FORM)
        assert response.status == 200


@pytest.mark.parametrize(
    ("behaviour", "word"),
    [
        (Behaviour(token_headers={"User-Agent": "mine"}), "header User-Agent must be mine"),
        (Behaviour(token_params={"action": "go"}), "parameter action is missing"),
        (Behaviour(token_params={"grant_type": "go"}), "parameter grant_type must be go"),
    ],
)
async def test_requirement_of_a_behaviour_is_enforced(
    session: ClientSession, behaviour: Behaviour, word: str
) -> None:
    """The description says what is missing."""
    async with OAuthServer(behaviour=behaviour) as server:
        response = await post(session, server, FORM)
    assert error_of(response) == (400, "invalid_request")
    assert word in str(response.json["error_description"])


@pytest.mark.parametrize(
    ("required", "sent", "status"),
    [
        ({"Client-Id": "a"}, {}, 400),
        ({"Client-Id": "a"}, {"Client-Id": "b"}, 400),
        ({"Client-Id": "a"}, {"Client-Id": "a"}, 200),
        ({"X-Version": None}, {}, 400),
        ({"X-Version": None}, {"X-Version": "any"}, 200),
    ],
)
async def test_api_of_a_behaviour_demands_its_headers(
    session: ClientSession,
    required: Mapping[str, str | None],
    sent: Mapping[str, str],
    status: int,
) -> None:
    """None as a value accepts any."""
    async with OAuthServer(behaviour=Behaviour(api_headers=required)) as server:
        granted = await post(session, server, FORM)
        headers = {**bearer(str(granted.json["access_token"])), **sent}
        response = await send(session, "GET", server.url("/"), headers=headers)
    assert response.status == status
