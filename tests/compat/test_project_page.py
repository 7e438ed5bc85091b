"""The project page of 0.4.0: its examples, unchanged, and its promises."""
# ruff: noqa: Q000 - the examples keep the page's quotes

import base64

import pytest
from yarl import URL

from aioalf import InsecureTransportWarning
from aioalf.client import Client, TokenError, TokenHTTPError, TokenManager
from aioalf.httpclient import HTTPRequest
from tests.support.mocked_responses import MockedResponses

TOKEN = {"access_token": "token", "expires_in": 3600}
ignore_http_warnings = pytest.mark.filterwarnings("ignore::aioalf.InsecureTransportWarning")


@pytest.fixture
def client() -> Client:
    """Create a client as the page does, without an event loop."""
    with pytest.warns(InsecureTransportWarning, match="http://example.com/token"):
        return Client(
            token_endpoint='http://example.com/token',
            client_id='client-id',
            client_secret='secret')  # fmt: skip


@ignore_http_warnings
async def test_first_example(client: Client, aioresponses: MockedResponses) -> None:
    """A client created before the event loop sends a POST with data, headers and a token."""
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
    [token_request] = aioresponses.requests["POST", URL("http://example.com/token")]
    credentials = base64.b64encode(b"client-id:secret").decode()
    assert token_request.kwargs["headers"]["Authorization"] == f"Basic {credentials}"
    assert token_request.kwargs["data"] == {"grant_type": "client_credentials"}
    [sent] = aioresponses.requests["POST", URL(resource_uri)]
    assert sent.kwargs["headers"] == {
        "Content-Type": "application/json",
        "Authorization": "Bearer token",
    }
    assert sent.kwargs["data"] == '{"name": "alf"}'


@ignore_http_warnings
async def test_http_request_object(aioresponses: MockedResponses) -> None:
    """`request` and `fetch` accept an HTTPRequest."""
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


@ignore_http_warnings
async def test_fetch_accepts_a_url(aioresponses: MockedResponses) -> None:
    """`fetch` sends a GET by default, or the method of its options."""
    aioresponses.post("http://example.com/token", payload=TOKEN)
    aioresponses.get("http://example.com/resource", body="got")
    aioresponses.put("http://example.com/resource", body="put")
    async with Client("client-id", "secret", "http://example.com/token") as client:
        response = await client.fetch("http://example.com/resource")
        assert await response.text() == "got"
        response = await client.fetch("http://example.com/resource", method="PUT", data=b"x")
        assert await response.text() == "put"


@pytest.mark.rule("R056")
@ignore_http_warnings
async def test_token_is_reused_and_renewed_once_after_a_401(aioresponses: MockedResponses) -> None:
    """A token is reused, a 401 causes one retry with a new token, and a second 401 is returned."""
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
@ignore_http_warnings
async def test_token_error_response_is_returned(aioresponses: MockedResponses) -> None:
    """The error response of the token endpoint is returned, and no request is sent to the API."""
    aioresponses.post("http://example.com/token", status=500, body="down")
    async with Client("client-id", "secret", "http://example.com/token") as client:
        response = await client.get("http://example.com/resource/1")
    assert (response.status, await response.text()) == (500, "down")
    assert ("GET", URL("http://example.com/resource/1")) not in aioresponses.requests


def test_client_module_has_the_names_of_0_4_0() -> None:
    """`aioalf.client` also exports the token manager and the errors."""
    assert issubclass(TokenHTTPError, TokenError)
    assert Client.token_manager_class is TokenManager
