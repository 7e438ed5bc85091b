"""`Client.introspect()`: an API asks the authorization server about a token (RFC 7662)."""

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

TOKEN = "token-that-the-api-received"


def introspection_client(server: OAuthServer, **options: Any) -> Client:
    """Return a client that an API uses to introspect tokens."""
    defaults: dict[str, Any] = {"issuer": server.issuer, "retry": Retry(attempts=1)}
    return Client("client-id", "secret", **{**defaults, **options})


async def introspect(
    server: OAuthServer, token: str, hint: str | None = None
) -> Mapping[str, object]:
    """Introspect a token with a new client."""
    async with introspection_client(server) as client:
        return await client.introspect(token, hint)


async def test_active_token_is_described(oauth_server: OAuthServer) -> None:
    """The response has client, scope and audience, and no token is requested for it."""
    async with Client(
        "client-id", "secret", oauth_server.token_endpoint, scope="a b", resource="urn:api"
    ) as client:
        await client.get(oauth_server.url("/things"))
    token = oauth_server.log[-1].headers["Authorization"].removeprefix("Bearer ")
    members = await introspect(oauth_server, token, "access_token")
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


async def test_unknown_token_is_not_active(oauth_server: OAuthServer) -> None:
    """An unknown token is not active, and each call sends a request."""
    async with introspection_client(oauth_server) as client:
        assert await client.introspect(TOKEN) == {"active": False}
        assert await client.introspect(TOKEN) == {"active": False}
    assert oauth_server.requests["introspection"] == 2
    assert "token_type_hint" not in oauth_server.log[-1].form


@pytest.mark.parametrize("token", ["", "\udc80"])
async def test_malformed_token_is_not_active_without_a_request(
    oauth_server: OAuthServer, token: str
) -> None:
    """A token that a form cannot contain is no failure of the API that received it."""
    assert await introspect(oauth_server, token) == {"active": False}
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
async def test_response_without_a_boolean_active_raises(
    oauth_server: OAuthServer, members: object
) -> None:
    """Only a boolean `active` is accepted, and the error message does not contain the token."""
    oauth_server.faults["introspection"] = Fault.wrong_json(members)
    expected = (
        "introspection endpoint .* without a usable response: (it does not|the server reports)"
    )
    with pytest.raises(TokenResponseError, match=expected) as caught:
        await introspect(oauth_server, TOKEN)
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
    ids=["client rejected", "server error", "HTML", "redirect", "hang up"],
)
async def test_failed_introspection_raises_an_error_without_the_token(
    oauth_server: OAuthServer,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    kind: type[TokenError],
) -> None:
    """Neither the TokenError of a failed request nor the log contains the token."""
    caplog.set_level(logging.DEBUG, logger="aioalf")
    oauth_server.faults["introspection"] = fault
    with pytest.raises(kind) as caught:
        await introspect(oauth_server, TOKEN)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert TOKEN not in shown + repr(vars(caught.value))


async def test_transient_failure_is_retried(oauth_server: OAuthServer) -> None:
    """Introspection requests are retried like token requests."""
    oauth_server.faults["introspection"] = Fault.status(503).times(4)
    async with introspection_client(
        oauth_server, retry=Retry(attempts=5, wait_initial=0)
    ) as client:
        assert await client.introspect(TOKEN) == {"active": False}
    assert oauth_server.requests["introspection"] == 5


async def test_introspection_endpoint_alone_is_enough(oauth_server: OAuthServer) -> None:
    """A client needs no other endpoint; without this one the error names the option."""
    endpoints = {"introspection_endpoint": f"{oauth_server.issuer}/introspect"}
    async with introspection_client(oauth_server, issuer=None, endpoints=endpoints) as client:
        assert await client.introspect(TOKEN) == {"active": False}
    async with Client("client-id", "secret", oauth_server.token_endpoint) as client:
        with pytest.raises(TokenConfigurationError, match="introspection_endpoint"):
            await client.introspect(TOKEN)


@pytest.mark.rule("R161")
def test_plain_http_introspection_endpoint_is_rejected() -> None:
    """A plain http introspection endpoint raises when the manager is created."""
    endpoints = {"introspection_endpoint": "http://auth.example.com/introspect"}
    with pytest.raises(TokenConfigurationError, match="introspection_endpoint must be an https"):
        TokenManager(None, "id", "secret", endpoints=endpoints)


async def test_manager_without_endpoints_names_the_missing_one() -> None:
    """A subclass may have no server; its error names `introspection_endpoint`."""

    class OwnManager(TokenManager):
        pass

    with pytest.raises(TokenConfigurationError, match="'introspection_endpoint'"):
        await OwnManager(None, "id", "secret").introspect(TOKEN)


async def test_manager_without_introspect_is_named() -> None:
    """The error names the custom manager class that has no `introspect()`."""

    class CustomClient(Client):
        token_manager_class = UserManager

    async with CustomClient("id", "secret", "https://auth.example.com/token") as client:
        with pytest.raises(TokenConfigurationError, match="UserManager has no introspect"):
            await client.introspect(TOKEN)
