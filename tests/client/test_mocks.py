"""A client under aioresponses, which takes the place of aiohttp's sending, middlewares and all."""

import asyncio
import io
import time
from collections.abc import Awaitable
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponseError, ClientSession, ClientTimeout, FormData, RequestInfo
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aioalf import Client, TokenError, TokenHTTPError
from tests.support.front import UserClient
from tests.support.mocked_responses import MockedResponses

TOKEN_URL = "https://auth.example.com/token"
URL_OF_API = "https://api.example.com/things"


def client_of(**options: Any) -> Client:
    """A client of the mocked servers."""
    return Client("client-id", "secret", TOKEN_URL, **options)


def give_tokens(mocked: MockedResponses, *expires_in: int) -> None:
    """Answer that many token requests: token-1, token-2, …"""
    for number, seconds in enumerate(expires_in, 1):
        payload = {"access_token": f"token-{number}", "expires_in": seconds}
        mocked.post(TOKEN_URL, payload=payload)


def calls(mocked: MockedResponses, method: str, url: str) -> list[dict[str, Any]]:
    """The keywords with which a URL was called."""
    return [call.kwargs for call in mocked.requests.get((method, URL(url)), [])]


def fields(mocked: MockedResponses, method: str = "GET") -> list[str]:
    """The Authorization fields that the API was shown."""
    return [call["headers"]["Authorization"] for call in calls(mocked, method, URL_OF_API)]


async def test_what_is_recorded_is_the_callers_and_one_field(aioresponses: MockedResponses) -> None:
    """A user's assertion on the keywords sees nothing else of ours."""
    give_tokens(aioresponses, 3600)
    aioresponses.get(URL_OF_API)
    aioresponses.post(URL_OF_API)
    timeout = ClientTimeout(total=5)
    async with client_of() as client:
        await client.get(URL_OF_API)
        await client.post(URL_OF_API, json={"a": 1}, headers={"Accept": "*/*"}, timeout=timeout)
    [get], [post] = calls(aioresponses, "GET", URL_OF_API), calls(aioresponses, "POST", URL_OF_API)
    # Two of aioresponses' own are there as well.
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
async def test_a_401_is_renewed_and_retried(
    aioresponses: MockedResponses, options: dict[str, Any]
) -> None:
    """With one more token request and the same options."""
    give_tokens(aioresponses, 3600, 3600)
    aioresponses.post(URL_OF_API, status=401)
    aioresponses.post(URL_OF_API, body="fine")
    async with client_of() as client:
        response = await client.post(URL_OF_API, **options)
        assert await response.text() == "fine"
    assert fields(aioresponses, "POST") == ["Bearer token-1", "Bearer token-2"]
    assert len(calls(aioresponses, "POST", TOKEN_URL)) == 2


@pytest.mark.rule("R056")
async def test_the_second_401_is_returned(aioresponses: MockedResponses) -> None:
    """Nothing is asked a third time."""
    give_tokens(aioresponses, 3600, 3600)
    aioresponses.get(URL_OF_API, status=401, repeat=True)
    async with client_of() as client, client.get(URL_OF_API) as response:
        assert response.status == 401
    assert fields(aioresponses) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.rule("R062")
async def test_a_renewal_that_the_token_endpoint_refuses_is_returned(
    aioresponses: MockedResponses,
) -> None:
    """After a 401 as before the first request: its response is what the caller gets."""
    give_tokens(aioresponses, 3600)
    aioresponses.post(TOKEN_URL, status=400, payload={"error": "unauthorized_client"})
    aioresponses.get(URL_OF_API, status=401)
    async with client_of() as client:
        response = await client.get(URL_OF_API)
        assert response.status == 400
        assert await response.json() == {"error": "unauthorized_client"}
    assert fields(aioresponses) == ["Bearer token-1"]


@pytest.mark.rule("R061")
async def test_a_body_that_may_be_gone_is_not_sent_again(aioresponses: MockedResponses) -> None:
    """Where no middleware ran, nobody can say how much of a stream was read."""
    give_tokens(aioresponses, 3600)
    aioresponses.post(URL_OF_API, status=401)
    async with client_of() as client:
        response = await client.post(URL_OF_API, data=io.BytesIO(b"x"))
    assert response.status == 401
    assert fields(aioresponses, "POST") == ["Bearer token-1"]


@pytest.mark.rule("R057")
async def test_a_lack_of_scope_is_returned(aioresponses: MockedResponses) -> None:
    """As on the network."""
    give_tokens(aioresponses, 3600)
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    aioresponses.get(URL_OF_API, status=401, headers=challenge)
    async with client_of() as client:
        assert (await client.get(URL_OF_API)).status == 401
    assert fields(aioresponses) == ["Bearer token-1"]


@pytest.mark.rule("R060")
async def test_many_mocked_401s_make_one_renewal(aioresponses: MockedResponses) -> None:
    """Ten requests at once, refused once each."""
    give_tokens(aioresponses, 3600, 3600)
    for status in (401, 200):
        for _ in range(10):
            aioresponses.get(URL_OF_API, status=status)
    async with client_of() as client:
        answers = await asyncio.gather(*(client.get(URL_OF_API) for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert len(calls(aioresponses, "POST", TOKEN_URL)) == 2


async def test_an_expired_token_is_asked_for_anew(
    aioresponses: MockedResponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the clock has passed its life."""
    give_tokens(aioresponses, 60, 60)
    aioresponses.get(URL_OF_API, repeat=True)
    now = time.monotonic()
    async with client_of() as client:
        await client.get(URL_OF_API)
        monkeypatch.setattr(time, "monotonic", lambda: now + 30)
        await client.get(URL_OF_API)
        monkeypatch.setattr(time, "monotonic", lambda: now + 120)
        await client.get(URL_OF_API)
    monkeypatch.undo()
    assert fields(aioresponses) == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_a_token_that_expires_at_once_serves_one_request(
    aioresponses: MockedResponses,
) -> None:
    """expires_in 0 is used, and not kept."""
    give_tokens(aioresponses, 0, 0)
    aioresponses.get(URL_OF_API, repeat=True)
    async with client_of() as client:
        await client.get(URL_OF_API)
        await client.get(URL_OF_API)
    assert fields(aioresponses) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.rule("R056")
async def test_raise_for_status_raises_the_second_401_only(aioresponses: MockedResponses) -> None:
    """A 401 that a new token mends is no error; another status is one at once."""
    give_tokens(aioresponses, 3600, 3600, 3600)
    for status in (401, 200, 401, 401, 500):
        aioresponses.get(URL_OF_API, status=status)
    async with client_of() as client:
        assert (await client.get(URL_OF_API, raise_for_status=True)).status == 200
        for status in (401, 500):
            with pytest.raises(ClientResponseError) as caught:
                await client.get(URL_OF_API, raise_for_status=True)
            assert caught.value.status == status
    assert len(calls(aioresponses, "POST", TOKEN_URL)) == 3


@pytest.mark.rule("R062")
async def test_an_error_of_the_token_endpoint_is_returned_and_told(
    aioresponses: MockedResponses, caplog: pytest.LogCaptureFixture
) -> None:
    """The API is not called, and the log says whose error it is, without a secret."""
    error = {"error": "invalid_client", "error_description": "who?"}
    aioresponses.post(TOKEN_URL, status=401, payload=error, repeat=True)
    async with client_of() as client:
        response = await client.get(URL_OF_API)
        assert (response.status, await response.json()) == (401, error)
        with pytest.raises(ClientResponseError, match="401"):
            await client.get(URL_OF_API, raise_for_status=True)
    assert calls(aioresponses, "GET", URL_OF_API) == []
    [told] = caplog.messages  # of the failure, which both share
    assert "token endpoint" in told
    assert "invalid_client" in told
    assert "secret" not in told


@pytest.mark.rule("R062")
async def test_raise_token_errors_raises_it(aioresponses: MockedResponses) -> None:
    """For those who want no response that is not the API's."""
    aioresponses.post(TOKEN_URL, status=503, body="down")
    async with client_of(raise_token_errors=True) as client:
        with pytest.raises(TokenHTTPError, match="503"):
            await client.get(URL_OF_API)
    assert calls(aioresponses, "GET", URL_OF_API) == []


@pytest.mark.rule("R062")
async def test_a_check_of_the_callers_sees_the_token_endpoints_response(
    aioresponses: MockedResponses,
) -> None:
    """A raise_for_status that is a coroutine function, of the call or of the session."""
    seen: list[int] = []

    async def check(response: Any) -> None:
        seen.append(response.status)

    aioresponses.post(TOKEN_URL, status=503, repeat=True)
    async with (
        ClientSession(raise_for_status=check) as session,
        client_of(session=session) as client,
    ):
        await client.get(URL_OF_API)
        await client.get(URL_OF_API, raise_for_status=check)
        response = await client.get(URL_OF_API, raise_for_status=False)
    assert (seen, response.status) == ([503, 503], 503)


@pytest.mark.rule("R062")
@pytest.mark.parametrize("payload", [{}, {"access_token": ""}, {"access_token": None}])
async def test_a_success_without_a_token_is_an_error(
    aioresponses: MockedResponses, payload: dict[str, object]
) -> None:
    """There is nothing to return: it is raised."""
    aioresponses.post(TOKEN_URL, payload=payload)
    async with client_of() as client:
        with pytest.raises(TokenError):
            await client.get(URL_OF_API)
    assert calls(aioresponses, "GET", URL_OF_API) == []


@pytest.mark.rule("R060")
async def test_a_users_manager_class_is_renewed_too(aioresponses: MockedResponses) -> None:
    """With what 0.4.0 asked of it."""
    aioresponses.get(URL_OF_API, status=401)
    aioresponses.get(URL_OF_API, status=200)
    async with UserClient("client-id", "secret", TOKEN_URL) as client:
        assert (await client.get(URL_OF_API)).status == 200
    assert fields(aioresponses) == ["Bearer token-0", "Bearer token-1"]


@pytest.mark.rule("R054", "R060")
async def test_a_mocked_401_of_another_origin_renews_nothing(
    aioresponses: MockedResponses,
) -> None:
    """The mock follows redirects by itself: the refusal is not of our token."""
    give_tokens(aioresponses, 3600)
    aioresponses.get(URL_OF_API, status=302, headers={"Location": "https://other.example.com/"})
    aioresponses.get("https://other.example.com/", status=401)
    async with client_of() as client:
        assert (await client.get(URL_OF_API)).status == 401
    assert fields(aioresponses) == ["Bearer token-1"]


@pytest.mark.rule("R056")
@pytest.mark.parametrize("options", [{}, {"json": {}}], ids=["plain", "with options"])
async def test_a_recorder_may_raise_at_once(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """What stands in for `request` need not be a coroutine function."""
    fields: list[str] = []

    def request(_: ClientSession, method: str, url: StrOrURL, **given: Any) -> Awaitable[object]:
        fields.append(given["headers"]["Authorization"])
        if len(fields) == 1:
            place = URL(url)
            info = RequestInfo(place, method, CIMultiDictProxy(CIMultiDict[str]()), place)
            raise ClientResponseError(info, (), status=401, headers=CIMultiDict())
        return asyncio.sleep(0, Mock(status=200))

    monkeypatch.setattr(ClientSession, "request", request)
    async with UserClient() as client:
        assert (await client.get(URL_OF_API, **options)).status == 200
    assert len({*fields}) == 2


async def test_headers_keep_their_form(aioresponses: MockedResponses) -> None:
    """Fields that are there twice stay there twice."""
    give_tokens(aioresponses, 3600)
    aioresponses.get(URL_OF_API)
    headers = CIMultiDict([("X-A", "1"), ("X-A", "2"), ("authorization", "mine")])
    async with client_of() as client:
        await client.get(URL_OF_API, headers=headers)
    [call] = calls(aioresponses, "GET", URL_OF_API)
    assert call["headers"].getall("X-A") == ["1", "2"]
    assert call["headers"].getall("Authorization") == ["Bearer token-1"]
    assert headers.getall("Authorization") == ["mine"]
