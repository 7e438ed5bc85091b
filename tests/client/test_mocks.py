"""A client with aioresponses, which replaces aiohttp's request method and so its middlewares."""

import asyncio
import io
from collections.abc import Awaitable
from typing import Any
from unittest.mock import Mock, patch

import pytest
from aiohttp import ClientResponseError, ClientSession, ClientTimeout, FormData, RequestInfo
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aioalf import Client, TokenError, TokenHTTPError
from aioalf.testing import OAuthServer
from tests.support.clocks import Clock
from tests.support.front import UserClient, client_of
from tests.support.mocked_responses import MockedResponses

TOKEN_URL = "https://auth.example.com/token"
URL_OF_API = "https://api.example.com/things"


def mocked_client(**options: Any) -> Client:
    """Return a client of the mocked servers."""
    return Client("client-id", "secret", TOKEN_URL, **options)


def mock_tokens(mocked: MockedResponses, *expires_in: int) -> None:
    """Mock token responses with token-1, token-2 and so on, and these lifetimes in seconds."""
    for number, seconds in enumerate(expires_in, 1):
        payload = {"access_token": f"token-{number}", "expires_in": seconds}
        mocked.post(TOKEN_URL, payload=payload)


def calls(mocked: MockedResponses, method: str, url: str) -> list[dict[str, Any]]:
    """Return the keyword arguments of the calls to a URL."""
    return [call.kwargs for call in mocked.requests.get((method, URL(url)), [])]


def authorization_headers(mocked: MockedResponses, method: str = "GET") -> list[str]:
    """Return the Authorization headers of the calls to the API."""
    return [call["headers"]["Authorization"] for call in calls(mocked, method, URL_OF_API)]


async def test_recorded_call_has_the_callers_arguments_and_one_header(
    aioresponses: MockedResponses,
) -> None:
    """The mock records the caller's arguments and one Authorization header."""
    mock_tokens(aioresponses, 3600)
    aioresponses.get(URL_OF_API)
    aioresponses.post(URL_OF_API)
    timeout = ClientTimeout(total=5)
    async with mocked_client() as client:
        await client.get(URL_OF_API)
        await client.post(URL_OF_API, json={"a": 1}, headers={"Accept": "*/*"}, timeout=timeout)
    [get], [post] = calls(aioresponses, "GET", URL_OF_API), calls(aioresponses, "POST", URL_OF_API)
    # aioresponses adds these two arguments.
    assert get.pop("allow_redirects")
    assert post.pop("allow_redirects")
    assert post.pop("data") is None
    assert get == {"headers": {"Authorization": "Bearer token-1"}}
    assert post.pop("headers") == {"Accept": "*/*", "Authorization": "Bearer token-1"}
    assert post == {"json": {"a": 1}, "timeout": timeout}


@pytest.mark.rule("R056")
@pytest.mark.parametrize(
    "options",
    [{}, {"data": b"x"}, {"json": {}}, {"data": {"a": "b"}}, {"data": FormData({"a": "b"})}],
)
async def test_401_is_retried_with_a_new_token(
    aioresponses: MockedResponses, options: dict[str, Any]
) -> None:
    """A 401 causes one token request and a retry with the same options."""
    mock_tokens(aioresponses, 3600, 3600)
    aioresponses.post(URL_OF_API, status=401)
    aioresponses.post(URL_OF_API, body="fine")
    async with mocked_client() as client:
        response = await client.post(URL_OF_API, **options)
        assert await response.text() == "fine"
    assert authorization_headers(aioresponses, "POST") == ["Bearer token-1", "Bearer token-2"]
    assert len(calls(aioresponses, "POST", TOKEN_URL)) == 2


@pytest.mark.rule("R056")
async def test_second_401_is_returned(aioresponses: MockedResponses) -> None:
    """A request is retried once, and a second 401 is returned."""
    mock_tokens(aioresponses, 3600, 3600)
    aioresponses.get(URL_OF_API, status=401, repeat=True)
    async with mocked_client() as client, client.get(URL_OF_API) as response:
        assert response.status == 401
    assert authorization_headers(aioresponses) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.rule("R062")
async def test_failed_renewal_returns_the_token_endpoint_response(
    aioresponses: MockedResponses,
) -> None:
    """If the renewal fails, the caller gets the response of the token endpoint."""
    mock_tokens(aioresponses, 3600)
    aioresponses.post(TOKEN_URL, status=400, payload={"error": "unauthorized_client"})
    aioresponses.get(URL_OF_API, status=401)
    async with mocked_client() as client:
        response = await client.get(URL_OF_API)
        assert response.status == 400
        assert await response.json() == {"error": "unauthorized_client"}
    assert authorization_headers(aioresponses) == ["Bearer token-1"]


@pytest.mark.rule("R061")
async def test_stream_body_is_not_sent_again(aioresponses: MockedResponses) -> None:
    """Without a middleware the client cannot know whether a stream was read."""
    mock_tokens(aioresponses, 3600)
    aioresponses.post(URL_OF_API, status=401)
    async with mocked_client() as client:
        response = await client.post(URL_OF_API, data=io.BytesIO(b"x"))
    assert response.status == 401
    assert authorization_headers(aioresponses, "POST") == ["Bearer token-1"]


@pytest.mark.rule("R057")
async def test_401_for_insufficient_scope_is_returned(aioresponses: MockedResponses) -> None:
    """A 401 with `insufficient_scope` is returned without a renewal."""
    mock_tokens(aioresponses, 3600)
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    aioresponses.get(URL_OF_API, status=401, headers=challenge)
    async with mocked_client() as client:
        assert (await client.get(URL_OF_API)).status == 401
    assert authorization_headers(aioresponses) == ["Bearer token-1"]


@pytest.mark.rule("R060")
async def test_concurrent_401s_cause_one_renewal(aioresponses: MockedResponses) -> None:
    """Ten concurrent requests that are rejected once share one token request."""
    mock_tokens(aioresponses, 3600, 3600)
    for status in (401, 200):
        for _ in range(10):
            aioresponses.get(URL_OF_API, status=status)
    async with mocked_client() as client:
        responses = await asyncio.gather(*(client.get(URL_OF_API) for _ in range(10)))
    assert {response.status for response in responses} == {200}
    assert len(calls(aioresponses, "POST", TOKEN_URL)) == 2


async def test_expired_token_is_fetched_again(
    aioresponses: MockedResponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is used until its lifetime has passed; then a new one is requested."""
    mock_tokens(aioresponses, 60, 60)
    aioresponses.get(URL_OF_API, repeat=True)
    clock = Clock(monkeypatch)
    async with mocked_client() as client:
        await client.get(URL_OF_API)
        clock.advance(30)
        await client.get(URL_OF_API)
        clock.advance(90)
        await client.get(URL_OF_API)
    assert authorization_headers(aioresponses) == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_token_with_expires_in_zero_serves_one_request(
    aioresponses: MockedResponses,
) -> None:
    """A token with `expires_in` 0 is used once and not cached."""
    mock_tokens(aioresponses, 0, 0)
    aioresponses.get(URL_OF_API, repeat=True)
    async with mocked_client() as client:
        await client.get(URL_OF_API)
        await client.get(URL_OF_API)
    assert authorization_headers(aioresponses) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.rule("R056")
async def test_raise_for_status_raises_only_for_the_second_401(
    aioresponses: MockedResponses,
) -> None:
    """A first 401 causes a renewal; other errors raise at once."""
    mock_tokens(aioresponses, 3600, 3600, 3600)
    for status in (401, 200, 401, 401, 500):
        aioresponses.get(URL_OF_API, status=status)
    async with mocked_client() as client:
        assert (await client.get(URL_OF_API, raise_for_status=True)).status == 200
        for status in (401, 500):
            with pytest.raises(ClientResponseError) as caught:
                await client.get(URL_OF_API, raise_for_status=True)
            assert caught.value.status == status
    assert len(calls(aioresponses, "POST", TOKEN_URL)) == 3


@pytest.mark.rule("R062")
async def test_token_endpoint_error_is_returned_and_logged(
    aioresponses: MockedResponses, caplog: pytest.LogCaptureFixture
) -> None:
    """The API is not called, and the log names the token endpoint without a secret."""
    error = {"error": "invalid_client", "error_description": "who?"}
    aioresponses.post(TOKEN_URL, status=401, payload=error, repeat=True)
    async with mocked_client() as client:
        response = await client.get(URL_OF_API)
        assert (response.status, await response.json()) == (401, error)
        with pytest.raises(ClientResponseError, match="401"):
            await client.get(URL_OF_API, raise_for_status=True)
    assert calls(aioresponses, "GET", URL_OF_API) == []
    [message] = caplog.messages  # both calls share one failure
    assert "token endpoint" in message
    assert "invalid_client" in message
    assert "secret" not in message


@pytest.mark.rule("R062")
async def test_raise_token_errors_raises_instead(aioresponses: MockedResponses) -> None:
    """With `raise_token_errors` the caller never gets a response of the token endpoint."""
    aioresponses.post(TOKEN_URL, status=503, body="down")
    async with mocked_client(raise_token_errors=True) as client:
        with pytest.raises(TokenHTTPError, match="503"):
            await client.get(URL_OF_API)
    assert calls(aioresponses, "GET", URL_OF_API) == []


@pytest.mark.rule("R062")
async def test_raise_for_status_function_gets_the_token_endpoint_response(
    aioresponses: MockedResponses,
) -> None:
    """A `raise_for_status` function of a call or session gets the error response."""
    statuses: list[int] = []

    async def check(response: Any) -> None:
        statuses.append(response.status)

    aioresponses.post(TOKEN_URL, status=503, repeat=True)
    async with (
        ClientSession(raise_for_status=check) as session,
        mocked_client(session=session) as client,
    ):
        await client.get(URL_OF_API)
        await client.get(URL_OF_API, raise_for_status=check)
        response = await client.get(URL_OF_API, raise_for_status=False)
    assert (statuses, response.status) == ([503, 503], 503)


@pytest.mark.rule("R062")
@pytest.mark.parametrize("payload", [{}, {"access_token": ""}, {"access_token": None}])
async def test_token_response_without_a_token_raises(
    aioresponses: MockedResponses, payload: dict[str, object]
) -> None:
    """A successful token response without a token raises TokenError."""
    aioresponses.post(TOKEN_URL, payload=payload)
    async with mocked_client() as client:
        with pytest.raises(TokenError):
            await client.get(URL_OF_API)
    assert calls(aioresponses, "GET", URL_OF_API) == []


@pytest.mark.rule("R060")
async def test_token_of_a_custom_manager_is_renewed(aioresponses: MockedResponses) -> None:
    """A manager with only the methods of 0.4.0 provides a new token after a 401."""
    aioresponses.get(URL_OF_API, status=401)
    aioresponses.get(URL_OF_API, status=200)
    async with UserClient("client-id", "secret", TOKEN_URL) as client:
        assert (await client.get(URL_OF_API)).status == 200
    assert authorization_headers(aioresponses) == ["Bearer token-0", "Bearer token-1"]


@pytest.mark.rule("R054", "R060")
async def test_401_of_another_origin_causes_no_renewal(
    aioresponses: MockedResponses,
) -> None:
    """The mock follows redirects itself, so the 401 does not reject our token."""
    mock_tokens(aioresponses, 3600)
    aioresponses.get(URL_OF_API, status=302, headers={"Location": "https://other.example.com/"})
    aioresponses.get("https://other.example.com/", status=401)
    async with mocked_client() as client:
        assert (await client.get(URL_OF_API)).status == 401
    assert authorization_headers(aioresponses) == ["Bearer token-1"]


@pytest.mark.rule("R056")
@pytest.mark.parametrize("options", [{}, {"json": {}}], ids=["plain", "with options"])
async def test_replacement_of_request_may_raise_before_it_is_awaited(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """A function that replaces `request` need not be a coroutine function."""
    sent: list[str] = []

    def request(
        _: ClientSession, method: str, url: StrOrURL, **arguments: Any
    ) -> Awaitable[object]:
        sent.append(arguments["headers"]["Authorization"])
        if len(sent) == 1:
            target = URL(url)
            info = RequestInfo(target, method, CIMultiDictProxy(CIMultiDict[str]()), target)
            raise ClientResponseError(info, (), status=401, headers=CIMultiDict())
        return asyncio.sleep(0, Mock(status=200))

    monkeypatch.setattr(ClientSession, "request", request)
    async with UserClient() as client:
        assert (await client.get(URL_OF_API, **options)).status == 200
    assert len({*sent}) == 2


async def test_repeated_headers_are_kept(aioresponses: MockedResponses) -> None:
    """Headers that the caller passes twice are sent twice."""
    mock_tokens(aioresponses, 3600)
    aioresponses.get(URL_OF_API)
    headers = CIMultiDict([("X-A", "1"), ("X-A", "2"), ("authorization", "mine")])
    async with mocked_client() as client:
        await client.get(URL_OF_API, headers=headers)
    [call] = calls(aioresponses, "GET", URL_OF_API)
    assert call["headers"].getall("X-A") == ["1", "2"]
    assert call["headers"].getall("Authorization") == ["Bearer token-1"]
    assert headers.getall("Authorization") == ["mine"]


async def test_first_request_of_a_given_session_has_only_the_callers_arguments(
    oauth_server: OAuthServer,
) -> None:
    """The wait for the token does not add a timeout to the recorded arguments."""
    recorded: list[dict[str, Any]] = []

    async def record(*_: object, **options: Any) -> object:
        recorded.append(options)
        return Mock(status=200)

    async with ClientSession() as session, client_of(oauth_server, session) as client:
        with patch.object(session, "request", record):
            await client.get("https://api.example.com/things")
    assert [options.keys() for options in recorded] == [{"headers"}]
