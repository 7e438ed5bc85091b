"""The project page of 0.4.0, its examples word for word, with what it promises beside them."""
# ruff: noqa: Q000 - the quotes of its code are the page's

import base64

import pytest
from yarl import URL

from aioalf import InsecureTransportWarning
from aioalf.client import Client, TokenError, TokenHTTPError, TokenManager
from aioalf.httpclient import HTTPRequest
from tests.support.mocked_responses import MockedResponses

TOKEN = {"access_token": "token", "expires_in": 3600}
warns_of_http = pytest.mark.filterwarnings("ignore::aioalf.InsecureTransportWarning")


def built_before_any_loop_runs() -> Client:
    """A client as the page makes it, at the top of a module."""
    with pytest.warns(InsecureTransportWarning, match="http://example.com/token"):
        return Client(
            token_endpoint='http://example.com/token',
            client_id='client-id',
            client_secret='secret')  # fmt: skip


client = built_before_any_loop_runs()


@warns_of_http
async def test_the_first_example(aioresponses: MockedResponses) -> None:
    """A client made before the loop, a POST with data and headers, a token by Basic."""
    aioresponses.post("http://example.com/token", payload=TOKEN)
    aioresponses.post("http://example.com/resource", status=201)
    resource_uri = "http://example.com/resource"

    response = await client.request(
        'POST', resource_uri,
        data='{"name": "alf"}',
        headers={'Content-Type': 'application/json'}
    )  # fmt: skip

    assert response.status == 201
    await client.close()
    [asked] = aioresponses.requests["POST", URL("http://example.com/token")]
    credentials = base64.b64encode(b"client-id:secret").decode()
    assert asked.kwargs["headers"]["Authorization"] == f"Basic {credentials}"
    assert asked.kwargs["data"] == {"grant_type": "client_credentials"}
    [sent] = aioresponses.requests["POST", URL(resource_uri)]
    assert sent.kwargs["headers"] == {
        "Content-Type": "application/json",
        "Authorization": "Bearer token",
    }
    assert sent.kwargs["data"] == '{"name": "alf"}'


@warns_of_http
async def test_a_request_as_a_value(aioresponses: MockedResponses) -> None:
    """An HTTPRequest goes through request, and through fetch."""
    aioresponses.post("http://example.com/token", payload=TOKEN)
    aioresponses.post("http://example.com/resource", status=201, repeat=True)
    request = HTTPRequest(
        "http://example.com/resource",
        method="POST",
        data='{"name": "alf"}',
        headers={"Content-Type": "application/json"},
    )
    async with Client("client-id", "secret", "http://example.com/token") as client:
        for response in (await client.request(request), await client.fetch(request)):
            assert response.status == 201
    sent = aioresponses.requests["POST", URL("http://example.com/resource")]
    assert [call.kwargs["data"] for call in sent] == ['{"name": "alf"}'] * 2


@warns_of_http
async def test_a_string_passed_directly_to_fetch(aioresponses: MockedResponses) -> None:
    """A GET, or what the options say."""
    aioresponses.post("http://example.com/token", payload=TOKEN)
    aioresponses.get("http://example.com/resource", body="got")
    aioresponses.put("http://example.com/resource", body="put")
    async with Client("client-id", "secret", "http://example.com/token") as client:
        response = await client.fetch("http://example.com/resource")
        assert await response.text() == "got"
        response = await client.fetch("http://example.com/resource", method="PUT", data=b"x")
        assert await response.text() == "put"


@pytest.mark.rule("R056")
@warns_of_http
async def test_how_it_works(aioresponses: MockedResponses) -> None:
    """A token once, a new one after a 401, and the second error is returned."""
    for number in (1, 2, 3):
        payload = {"access_token": f"token-{number}", "expires_in": 3600}
        aioresponses.post("http://example.com/token", payload=payload)
    for status in (200, 401, 200, 401, 401):
        aioresponses.get("http://example.com/resource/1", status=status)
    async with Client("client-id", "secret", "http://example.com/token") as client:
        statuses = [(await client.get("http://example.com/resource/1")).status for _ in range(3)]
    assert statuses == [200, 200, 401]
    sent = aioresponses.requests["GET", URL("http://example.com/resource/1")]
    assert [call.kwargs["headers"]["Authorization"] for call in sent] == [
        f"Bearer token-{number}" for number in (1, 1, 2, 2, 3)
    ]


@pytest.mark.rule("R062")
@warns_of_http
async def test_in_case_of_an_error_retrieving_a_token(aioresponses: MockedResponses) -> None:
    """The error response is returned, and the real request does not happen."""
    aioresponses.post("http://example.com/token", status=500, body="down")
    async with Client("client-id", "secret", "http://example.com/token") as client:
        response = await client.get("http://example.com/resource/1")
    assert (response.status, await response.text()) == (500, "down")
    assert ("GET", URL("http://example.com/resource/1")) not in aioresponses.requests


def test_names_are_where_0_4_0_had_them() -> None:
    """`aioalf.client` gives the manager and the errors, too."""
    assert issubclass(TokenHTTPError, TokenError)
    assert Client.token_manager_class is TokenManager
