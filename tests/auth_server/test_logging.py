"""The DEBUG lines of requests to the authorization server."""

import logging
import re
from collections.abc import Callable

import pytest
from aiohttp import ClientSession

from aioalf import Client, OAuth2Middleware, Retry, TokenError
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, ClientSecretPost, Credentials
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import TOKEN, endpoint_at, error_of, request_token
from tests.support.front import FixedManager
from tests.support.raw_server import RawServer, answer

Lines = Callable[[], list[str]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """Return a function that returns the DEBUG lines of the package, without durations."""
    caplog.set_level(logging.DEBUG, "aioalf")

    def read() -> list[str]:
        records = [each for each in caplog.records if each.name.startswith("aioalf.")]
        assert {each.levelno for each in records} <= {logging.DEBUG}
        return [re.sub(r"after \d\.\d{3} s", "after N s", each.getMessage()) for each in records]

    return read


async def test_token_request_and_response_are_logged(
    oauth_server: OAuthServer, lines: Lines
) -> None:
    """The lines name endpoint, grant, client authentication, status, duration and lifetime."""
    url = oauth_server.token_endpoint
    await request_token(endpoint_at(url))
    assert lines() == [
        (
            f"Sending a request to the token endpoint {url}: grant_type client_credentials, "
            "client authentication client_secret_basic, attempt 1"
        ),
        f"The token endpoint {url} answered 200 after N s",
        "The token expires in 3600 s",
    ]


async def test_retries_are_numbered(oauth_server: OAuthServer, lines: Lines) -> None:
    """Each attempt has a line, and each failure has its reason."""
    oauth_server.token_fault = Fault.status(503, "down").times(1)
    oauth_server.expires_in = None
    endpoint = endpoint_at(oauth_server.token_endpoint, retry=Retry(attempts=2, wait_initial=0))
    await endpoint.request({"grant_type": "client_credentials"}, is_repeatable=True)
    first, failure, second, answered, lifetime = lines()
    assert first.endswith("attempt 1")
    url = oauth_server.token_endpoint
    assert failure.startswith(f"The request to the token endpoint {url} failed after N s")
    assert "503" in failure
    assert second.endswith("attempt 2")
    assert answered.endswith("answered 200 after N s")
    assert lifetime == "The token has no expiry"


@pytest.mark.rule("R063")
async def test_failures_are_logged_without_secrets(lines: Lines) -> None:
    """The query of an endpoint may hold a secret, and so may an unusable response."""
    async with RawServer(answer(b'{"access_token": "hidden token"}')) as server:
        await error_of(endpoint_at(f"{server.url}/token?key=hidden"))
    await error_of(endpoint_at("http://127.0.0.1:1/token?key=hidden"))
    _, answered, unusable, _, failed = lines()
    assert answered == f"The token endpoint {server.url}/token answered 200 after N s"
    assert unusable.startswith("The token response is not usable: the access_token in the response")
    assert "http://127.0.0.1:1/token failed after N s: No response" in failed
    assert "hidden" not in "".join(lines())


@pytest.mark.rule("R063")
async def test_requests_to_other_endpoints_are_logged(
    oauth_server: OAuthServer, lines: Lines
) -> None:
    """The lines do not show the token that is introspected."""
    endpoint = TokenEndpoint(
        None,
        Credentials("client-id", "hidden"),
        ClientSecretPost(),
        endpoints={"introspection_endpoint": oauth_server.introspection_endpoint},
    )
    with pytest.raises(TokenError):
        await endpoint.introspect("hidden token")
    sending, failed = lines()
    with pytest.raises(TokenError):
        await endpoint.post("introspection_endpoint", {"token": "hidden token"})
    assert lines()[2] == sending
    assert sending == (
        f"Sending a request to the introspection endpoint {oauth_server.introspection_endpoint}: "
        "client authentication client_secret_post, attempt 1"
    )
    assert "refused: invalid_client" in failed
    assert "hidden" not in sending + failed


async def test_retries_at_other_endpoints_are_numbered(
    oauth_server: OAuthServer, lines: Lines
) -> None:
    """A revocation that is sent again has the number of its attempt, like a token request."""
    oauth_server.faults["revocation"] = Fault.status(503).times(1)
    endpoint = TokenEndpoint(
        None,
        Credentials(oauth_server.client_id, oauth_server.client_secret),
        ClientSecretBasic(),
        endpoints={"revocation_endpoint": oauth_server.revocation_endpoint},
        retry=Retry(attempts=2, wait_initial=0),
    )
    await endpoint.revoke("token-of-mine", "access_token")
    sent = [line for line in lines() if line.startswith("Sending a request to the revocation")]
    assert [line.rpartition(", ")[2] for line in sent] == ["attempt 1", "attempt 2"]


async def test_grant_type_of_a_custom_grant_is_printed_in_one_line(lines: Lines) -> None:
    """A line break cannot forge another line of the log."""
    async with RawServer(answer(TOKEN)) as server:
        await endpoint_at(server.url).request({"grant_type": "urn:a\nb"})
    assert r"grant_type urn:a\nb," in lines()[0]


async def test_requests_for_metadata_are_logged(oauth_server: OAuthServer, lines: Lines) -> None:
    """Each URL that is tried has a line, with the reason if it has no metadata."""
    oauth_server.oauth_metadata = False
    issuer = oauth_server.issuer
    async with Client(issuer=issuer, client_id="client-id", client_secret="secret") as client:
        await client.get(oauth_server.url("/things"))
    failed = f"{issuer}/.well-known/oauth-authorization-server"
    assert lines()[:3] == [
        f"Fetching the issuer's metadata from {failed}",
        f"No metadata of the issuer at {failed}: the status is 404",
        f"Fetching the issuer's metadata from {issuer}/.well-known/openid-configuration",
    ]


async def test_request_without_the_token_is_logged(oauth_server: OAuthServer, lines: Lines) -> None:
    """The middleware says which origin got no token, and why."""
    middleware = OAuth2Middleware(FixedManager(), allowed_origins=[oauth_server.api_url])
    async with (
        RawServer(
            answer(b"", status="302 Found", Location=oauth_server.url("/things?code=hidden"))
        ) as elsewhere,
        ClientSession(middlewares=[middleware]) as session,
        session.get(elsewhere.url),
    ):
        pass
    assert lines() == [
        f"No token for {elsewhere.url}: it is not an allowed origin",
        f"No token for {oauth_server.api_url}: another origin redirected there",
    ]
