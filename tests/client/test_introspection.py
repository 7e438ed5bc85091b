"""`Client.introspect()`: what an API hears of the tokens that it is sent (RFC 7662)."""

import logging
import traceback
from collections.abc import Mapping
from typing import Any

import pytest

from aioalf import (
    Client,
    Retry,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenManager,
    TokenResponseError,
)
from aioalf.testing import Fault, OAuthServer
from tests.support.front import UserManager

TOKEN = "token-that-somebody-sent"


def api_of(server: OAuthServer, **options: Any) -> Client:
    """An API as a client: all it does is ask."""
    usual: dict[str, Any] = {"issuer": server.issuer, "retry": Retry(attempts=1)}
    return Client("client-id", "secret", **{**usual, **options})


async def about(server: OAuthServer, token: str, hint: str | None = None) -> Mapping[str, object]:
    """What the API hears."""
    async with api_of(server) as client:
        return await client.introspect(token, hint)


async def test_an_api_hears_what_a_token_is_good_for(oauth_server: OAuthServer) -> None:
    """Whose it is, for what and for how long; no token is got for the question."""
    async with Client(
        "client-id", "secret", oauth_server.token_endpoint, scope="a b", resource="urn:api"
    ) as client:
        await client.get(oauth_server.url("/things"))
    token = oauth_server.log[-1].headers["Authorization"].removeprefix("Bearer ")
    members = await about(oauth_server, token, "access_token")
    assert members["active"] is True
    assert (members["client_id"], members["scope"], members["aud"]) == (
        "client-id",
        "a b",
        ["urn:api"],
    )
    assert oauth_server.token_requests == 1
    form = oauth_server.log[-1].form
    assert (form["token"], form["token_type_hint"]) == (token, "access_token")
    with pytest.raises(TypeError):
        members["active"] = False  # type: ignore[index]


async def test_a_token_that_is_unknown_or_revoked_is_not_active(oauth_server: OAuthServer) -> None:
    """Each question is asked anew."""
    async with api_of(oauth_server) as client:
        assert await client.introspect(TOKEN) == {"active": False}
        assert await client.introspect(TOKEN) == {"active": False}
    assert oauth_server.requests["introspection"] == 2
    assert "token_type_hint" not in oauth_server.log[-1].form


@pytest.mark.parametrize("token", ["", "\udc80"])
async def test_what_no_form_can_hold_is_not_active(oauth_server: OAuthServer, token: str) -> None:
    """Anybody may send anything to an API; that is no failure of the API's."""
    assert await about(oauth_server, token) == {"active": False}
    assert not oauth_server.log


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"active": None},
        {"active": "true"},
        {"active": 1},
        [True],
        {"error": "no", "token": TOKEN},
    ],
    ids=str,
)
async def test_an_answer_that_does_not_say_whether_it_is_active_is_an_error(
    oauth_server: OAuthServer, members: object
) -> None:
    """Nothing is taken for yes; the token is in no message."""
    oauth_server.faults["introspection"] = Fault.wrong_json(members)
    expected = "introspection endpoint .* without an answer that can be used: (it does not|it says)"
    with pytest.raises(TokenResponseError, match=expected) as caught:
        await about(oauth_server, TOKEN)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.oauth_error("invalid_client", TOKEN, status=401), TokenHTTPError),
        (Fault.status(500, TOKEN), TokenHTTPError),
        (Fault.html(f"<h1>{TOKEN}</h1>"), TokenResponseError),
        (Fault.redirect("/elsewhere"), TokenHTTPError),
        (Fault.hang_up(), TokenConnectionError),
    ],
    ids=["refused", "broken", "a page", "a redirect", "hang up"],
)
async def test_no_answer_is_an_error_without_the_token(
    oauth_server: OAuthServer,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    kind: type[TokenError],
) -> None:
    """Nothing is known of it then."""
    caplog.set_level(logging.DEBUG, logger="aioalf")
    oauth_server.faults["introspection"] = fault
    with pytest.raises(kind) as caught:
        await about(oauth_server, TOKEN)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert TOKEN not in shown + repr(vars(caught.value))


async def test_what_may_pass_is_asked_again(oauth_server: OAuthServer) -> None:
    """As a token is."""
    oauth_server.faults["introspection"] = Fault.status(503).times(4)
    async with api_of(oauth_server, retry=Retry(attempts=5, wait_initial=0)) as client:
        assert await client.introspect(TOKEN) == {"active": False}
    assert oauth_server.requests["introspection"] == 5


async def test_an_api_needs_no_more_than_the_one_endpoint(oauth_server: OAuthServer) -> None:
    """Given by its name; without one, the message says so."""
    endpoints = {"introspection_endpoint": f"{oauth_server.issuer}/introspect"}
    async with api_of(oauth_server, issuer=None, endpoints=endpoints) as client:
        assert await client.introspect(TOKEN) == {"active": False}
    for token_endpoint in (None, oauth_server.token_endpoint):
        async with Client("client-id", "secret", token_endpoint) as client:
            with pytest.raises(TokenConfigurationError, match="introspection_endpoint"):
                await client.introspect(TOKEN)


@pytest.mark.rule("R161")
def test_an_introspection_endpoint_in_the_clear_is_refused() -> None:
    """When the client is made."""
    endpoints = {"introspection_endpoint": "http://auth.example.com/introspect"}
    with pytest.raises(TokenConfigurationError, match="introspection_endpoint must be an https"):
        TokenManager(None, "id", "secret", endpoints=endpoints)


async def test_a_manager_of_no_server_says_what_is_missing() -> None:
    """By itself, too."""
    with pytest.raises(TokenConfigurationError, match="'introspection_endpoint'"):
        await TokenManager(None, "id", "secret").introspect(TOKEN)


async def test_a_manager_that_cannot_ask_is_named() -> None:
    """One of a user's own has no introspect()."""

    class Own(Client):
        token_manager_class = UserManager

    async with Own("id", "secret", "https://auth.example.com/token") as client:
        with pytest.raises(TokenConfigurationError, match="UserManager has no introspect"):
            await client.introspect(TOKEN)
