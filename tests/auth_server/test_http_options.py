"""The ``http_options`` of token requests."""

import base64
import copy
import math
from typing import Any

import pytest
from aiohttp import ClientTimeout
from multidict import CIMultiDict

from aioalf.client_auth import Credentials
from aioalf.errors import TokenConfigurationError
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import endpoint_at, error_of, only_request, request_token


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Tenant": "a", "accept": "*/*"},
        CIMultiDict({"x-tenant": "a", "ACCEPT": "*/*"}),
        [("X-Tenant", "a"), ("Accept", "*/*")],
    ],
    ids=lambda headers: type(headers).__name__,
)
async def test_headers_of_http_options_override_ours(
    oauth_server: OAuthServer, headers: Any
) -> None:
    """Headers can be a dict, a multidict or pairs, and names are case-insensitive."""
    await request_token(endpoint_at(oauth_server.token_endpoint, {"headers": headers}))
    seen = only_request(oauth_server)
    assert seen.headers.getall("X-Tenant") == ["a"]
    assert seen.headers.getall("Accept") == ["*/*"]


@pytest.mark.rule("R005")
async def test_authorization_header_of_http_options_replaces_ours(
    oauth_server: OAuthServer,
) -> None:
    """There is one Authorization header, the one of the options."""
    own = f"Basic {base64.b64encode(b'client-id:secret').decode()}"
    endpoint = endpoint_at(
        oauth_server.token_endpoint,
        {"headers": {"authorization": own}},
        credentials=Credentials("other", "other"),
    )
    assert (await request_token(endpoint)).is_valid()
    assert only_request(oauth_server).headers.getall("Authorization") == [own]


async def test_http_options_are_not_changed(oauth_server: OAuthServer) -> None:
    """The caller's mapping and the values in it stay as they were."""
    options = {"headers": {"X-Tenant": "a"}, "timeout": ClientTimeout(total=5)}
    before = copy.deepcopy(options)
    await request_token(endpoint_at(oauth_server.token_endpoint, options))
    assert options == before


async def test_timeout_of_http_options_can_be_seconds(oauth_server: OAuthServer) -> None:
    """A number is accepted as a timeout, as in aiohttp."""
    oauth_server.token_fault = Fault.slow(math.inf)
    error = await error_of(endpoint_at(oauth_server.token_endpoint, {"timeout": 0.2}))
    assert isinstance(error.__cause__, TimeoutError)


@pytest.mark.parametrize(
    "name",
    [
        *("method", "url", "data", "json", "auth", "allow_redirects", "raise_for_status"),
        *("middlewares", "str_or_url"),
    ],
)
def test_reserved_http_options_are_refused(name: str) -> None:
    """Options that would change the token request are refused at construction."""
    with pytest.raises(TokenConfigurationError, match=f"http_options: {name} cannot be set"):
        endpoint_at("https://a.example/token", {name: None})


def test_http_options_must_be_a_mapping() -> None:
    """A wrong type is refused at construction."""
    with pytest.raises(TokenConfigurationError, match="http_options: it must be a mapping"):
        endpoint_at("https://a.example/token", "timeout=5")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"no_such_option": 1}, {"headers": 5}, {"headers": {"X": object()}}, {"headers": {"X": "\n"}}],
    ids=["unknown", "headers not a mapping", "header not text", "line end in a header"],
)
async def test_http_options_that_aiohttp_refuses_are_a_configuration_error(
    oauth_server: OAuthServer, options: dict[str, Any]
) -> None:
    """The error names http_options, and no request is sent."""
    error = await error_of(endpoint_at(oauth_server.token_endpoint, options))
    assert isinstance(error, TokenConfigurationError)
    assert "look at http_options" in str(error)
    assert oauth_server.token_requests == 0
