"""The ``http_options`` of token requests."""

import base64
import copy
import math
from typing import Any

import pytest
from aiohttp import ClientTimeout, TraceConfig
from multidict import CIMultiDict
from yarl import URL

from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.http_options import can_be_cause, secrets_in_options
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


async def _fail(*_: object) -> None:
    raise TypeError("missing 'stream_writer'")


@pytest.mark.parametrize("options", [{}, {"timeout": 5}], ids=["no options", "options"])
async def test_error_of_other_code_is_not_blamed_on_http_options(options: dict[str, Any]) -> None:
    """A function of the program raised it, or a library that replaces a part of aiohttp."""
    trace = TraceConfig()
    trace.on_request_start.append(_fail)
    http = AuthServerHTTP(options, trace_configs=[trace])
    with pytest.raises(TokenConfigurationError) as caught:
        await http.get("issuer", URL("https://a.example/"))
    reason = "The token request cannot be sent: TypeError: missing 'stream_writer'"
    assert str(caught.value) == reason
    assert isinstance(caught.value.__cause__, TypeError)


def test_error_without_a_traceback_is_not_blamed_on_http_options() -> None:
    """Nothing shows who raised it."""
    assert not can_be_cause({"timeout": 5}, TypeError())


SECRETS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"headers": {"Accept": "text/plain", "user-agent": "a-program/1.0"}}, set()),
    ({"headers": [("X-Key", "a"), ("Accept", "b")]}, {"a", "X-Key=a"}),
    (
        {"headers": {"X-Key": 'Token "a;long-secret'}},
        {'Token "a;long-secret', 'X-Key=Token "a;long-secret', "long-secret"},
    ),
    (
        {"headers": {"X": "Basic YTpi"}},
        {"Basic YTpi", "X=Basic YTpi", "a:b", "b"},
    ),
    ({"headers": {"X": "Basic é"}}, {"Basic é", "X=Basic é"}),
    ({"params": {"a": [1, "b"]}}, {"1", "a=1", "b", "a=b"}),
    ({"params": "a=1&b=2"}, {"a=1&b=2", "1", "a=1", "2", "b=2"}),
    ({"proxy_headers": {"X-Key": "a"}}, {"a", "X-Key=a"}),
    ({"cookies": 5, "headers": [("a",)]}, set()),
    ({"proxy": "http://proxy.example:8080"}, set()),
    ({"proxy": "http://a:b@["}, set()),
    ({"proxy": "http://a:b@proxy.example"}, {"b", "a:b", "YTpi"}),
    ({"proxy": URL("http://a@proxy.example")}, {"a", "a:", "YTo="}),
]


@pytest.mark.parametrize(("options", "secrets"), SECRETS)
def test_secrets_are_what_is_sent(options: dict[str, Any], secrets: set[str]) -> None:
    """Values of headers, cookies and parameters are secrets, and the credentials of a proxy."""
    assert secrets_in_options(options) == secrets
