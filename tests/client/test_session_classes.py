"""Classes and functions of `aiohttp.ClientSession` that a client takes for its own session."""

import inspect
import json
from typing import Any

import pytest
from aiohttp import (
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientWebSocketResponse,
    HttpVersion10,
    HttpVersion11,
)

from aioalf import Client, TokenConfigurationError
from aioalf._options import SessionOptions
from aioalf.testing import Fault, OAuthServer
from tests.client.test_session_options import get, make_client
from tests.support.front import api_log
from tests.support.raw_server import RawServer, answer

TOKEN_ENDPOINT = "https://auth.example.com/token"
ARGUMENTS = inspect.signature(ClientSession).parameters
NOT_TAKEN = {"auth", "conn_timeout", "loop", "read_timeout", "ssl_shutdown_timeout"}
NEWER = {"json_serialize_bytes", "max_headers"}


def test_each_argument_of_a_session_is_taken_or_refused() -> None:
    """A new version of aiohttp may add one."""
    names = SessionOptions.__annotations__.keys()
    assert ARGUMENTS.keys() <= names | NOT_TAKEN
    assert names - ARGUMENTS.keys() <= NEWER


class Hops:
    """Records the requests that a class made."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def request_class(self) -> type[ClientRequest]:
        """Return a class that adds a header and records each request when it is sent."""
        seen = self.seen

        class Recorded(ClientRequest):
            async def send(self, conn: Any) -> ClientResponse:
                self.headers["X-Signed"] = self.headers.get("Authorization", "nothing")
                seen.append((self.method, self.url.path))
                return await super().send(conn)

        return Recorded


@pytest.mark.rule("R050", "R051")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_request_class_sends_each_attempt_of_each_hop(
    oauth_server: OAuthServer, method: str
) -> None:
    """It sees the token of each attempt, and none at another origin."""
    hops = Hops()
    async with (
        make_client(oauth_server, request_class=hops.request_class()) as client,
        OAuthServer() as elsewhere,
    ):
        await client.request(method, oauth_server.url("/things"), json={"a": 1})
        oauth_server.revoke_all()
        to = {"to": oauth_server.url("/things"), "status": "307"}
        redirect = oauth_server.url("/redirect")
        async with client.request(method, redirect, params=to, json={"a": 1}) as response:
            assert response.status == 200
            assert json.loads((await response.json())["body"]) == {"a": 1}
        async with client.request(
            method, redirect, params={**to, "to": elsewhere.url("/things")}
        ) as response:
            assert response.status == 401
        [refused] = api_log(elsewhere)
    assert hops.seen == [
        *((method, path) for path in ("/things", "/redirect", "/redirect", "/things")),
        *((method, path) for path in ("/redirect", "/things")),
    ]
    assert oauth_server.token_requests == 2
    for request in api_log(oauth_server):
        assert request.headers["X-Signed"] == request.headers["Authorization"]
    assert "Authorization" not in refused.headers
    assert refused.headers["X-Signed"] == "nothing"


async def test_request_class_that_copies_headers_gets_a_new_token_after_a_401(
    oauth_server: OAuthServer,
) -> None:
    """The client recognizes its own header values, and repeats the request where it cannot."""

    class Copying(ClientRequest):
        def update_headers(self, headers: Any) -> None:
            pairs = dict(headers or {}).items()
            super().update_headers({name: "".join(value) for name, value in pairs})

    async with make_client(oauth_server, request_class=Copying) as client:
        for _ in range(2):
            async with client.post(oauth_server.url("/things"), data=b"body") as response:
                assert response.status == 200
            oauth_server.revoke_all()
    assert oauth_server.token_requests == 2


async def test_request_class_is_not_used_for_token_requests(oauth_server: OAuthServer) -> None:
    """They do not use the session of the client."""
    hops = Hops()
    async with make_client(oauth_server, request_class=hops.request_class()) as client:
        await client.token()
        async with client.ws_connect(oauth_server.url("/ws")):
            pass
    assert hops.seen == [("GET", "/ws")]


class Things(ClientResponse):
    """A response with a method of its own."""

    async def things(self) -> Any:
        """Return the parsed body."""
        return await self.json()


class Messages(ClientWebSocketResponse):
    """A websocket with a method of its own."""

    async def shout(self, text: str) -> None:
        """Send a text in capitals."""
        await self.send_str(text.upper())


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_response_classes_are_used(oauth_server: OAuthServer, method: str) -> None:
    """Also after a 401, and for websockets."""
    options = {"response_class": Things, "ws_response_class": Messages}
    async with make_client(oauth_server, **options) as client:
        for _ in range(2):
            async with client.request(method, oauth_server.url("/things")) as response:
                assert isinstance(response, Things)
                assert (await response.things())["method"] == method
            oauth_server.revoke_all()
        async with client.ws_connect(oauth_server.url("/ws")) as websocket:
            assert isinstance(websocket, Messages)
            await websocket.shout("alf")
            assert await websocket.receive_str(timeout=5) == "ALF"


@pytest.mark.rule("R056")
async def test_response_class_may_raise_for_a_status(oauth_server: OAuthServer) -> None:
    """A 401 that it raises is resolved by a renewal, like one of ``raise_for_status``."""

    class Raising(ClientResponse):
        async def start(self, connection: Any) -> ClientResponse:
            response = await super().start(connection)
            response.raise_for_status()
            return response

    async with make_client(oauth_server, response_class=Raising) as client:
        for _ in range(2):
            await client.get(oauth_server.url("/things"))
            oauth_server.revoke_all()
        oauth_server.api_fault = Fault.status(401)
        with pytest.raises(ClientResponseError, match="401"):
            await client.get(oauth_server.url("/things"))


@pytest.mark.parametrize(
    ("version", "line"), [(HttpVersion10, b"HTTP/1.0"), (HttpVersion11, b"HTTP/1.1")], ids=str
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_version_applies_to_requests_to_the_api(
    oauth_server: OAuthServer, version: Any, line: bytes, method: str
) -> None:
    """Some old servers need HTTP/1.0."""
    async with RawServer(answer(b"thing")) as api:
        async with (
            make_client(oauth_server, version=version) as client,
            client.request(method, api.url, data=b"body") as response,
        ):
            assert await response.text() == "thing"
        [request] = api.requests
    assert request.startswith(f"{method} / ".encode() + line + b"\r\n")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_charset_resolver_reads_a_response_without_a_charset(
    oauth_server: OAuthServer, method: str
) -> None:
    """It gets the response and its body."""
    bodies = list[bytes]()

    def resolve(_: ClientResponse, body: bytes) -> str:
        bodies.append(body)
        return "latin-1"

    raw = answer("café".encode("latin-1"), Content_Type="text/plain")
    async with (
        RawServer(raw) as api,
        make_client(oauth_server, fallback_charset_resolver=resolve) as client,
        client.request(method, api.url) as response,
    ):
        assert await response.text() == "café"
    assert bodies == ["café".encode("latin-1")]


def serialize_bytes(_: object) -> bytes:
    """Return the same bytes for each value."""
    return b"serialized"


NEWER_VALUES: dict[str, Any] = {
    "json_serialize_bytes": serialize_bytes,
    "max_headers": 200,
}


@pytest.mark.parametrize("name", NEWER_VALUES)
def test_argument_of_a_newer_aiohttp_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that the installed version of aiohttp does not have it."""

    def older(_: object) -> inspect.Signature:
        names = ARGUMENTS.keys() - NEWER_VALUES.keys()
        return inspect.Signature([ARGUMENTS[each] for each in ARGUMENTS if each in names])

    monkeypatch.setattr("aioalf._requests.session_factory.signature", older)
    with pytest.raises(TokenConfigurationError, match=f"{name} needs a newer aiohttp: version"):
        Client("client-id", "secret", TOKEN_ENDPOINT, **{name: NEWER_VALUES[name]})


async def test_arguments_of_a_newer_aiohttp_are_used(oauth_server: OAuthServer) -> None:
    """They apply to requests to the API."""
    options: Any = {name: value for name, value in NEWER_VALUES.items() if name in ARGUMENTS}
    many = answer(b"thing", **{f"X-{number}": "1" for number in range(150)})
    async with RawServer(many) as api, make_client(oauth_server, **options) as client:
        async with client.get(api.url) as response:
            assert len(response.headers) > 150
        async with client.post(oauth_server.url("/things"), json={"a": 1}) as response:
            body = (await response.json())["body"]
    assert body == ("serialized" if "json_serialize_bytes" in options else '{"a": 1}')


async def test_error_response_of_the_token_endpoint_is_an_ordinary_response(
    oauth_server: OAuthServer,
) -> None:
    """It is no response of the API, so it is not of the response class."""
    oauth_server.token_fault = Fault.oauth_error("invalid_client", status=401)
    async with make_client(oauth_server, response_class=Things) as client:
        response = await get(client, oauth_server)
    assert response.status == 401
    assert not isinstance(response, Things)


# Refusals


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"request_class": ClientResponse}, "a subclass of aiohttp.ClientRequest, not ClientResp"),
        (
            {"request_class": 5},
            "request_class must be a subclass of aiohttp.ClientRequest, not int",
        ),
        ({"response_class": dict}, "a subclass of aiohttp.ClientResponse, not dict"),
        ({"ws_response_class": Things}, "a subclass of aiohttp.ClientWebSocketResponse, not Thing"),
        ({"version": "1.0"}, "version must be an aiohttp.HttpVersion, not str"),
        ({"fallback_charset_resolver": "utf-8"}, "fallback_charset_resolver must be a function"),
    ],
)
def test_wrong_class_is_refused(options: Any, said: str) -> None:
    """The error names the option and the class when the client is made."""
    with pytest.raises(TokenConfigurationError, match=said):
        Client("client-id", "secret", TOKEN_ENDPOINT, **options)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("auth", "the token is in the Authorization header; client_secret or client_auth"),
        ("conn_timeout", r"pass timeout=aiohttp.ClientTimeout\(connect=...\)"),
        ("loop", "a client uses the running event loop"),
        ("read_timeout", r"pass timeout=aiohttp.ClientTimeout\(total=...\)"),
        ("ssl_shutdown_timeout", "pass connector=..., a function that makes an aiohttp.TCPConn"),
    ],
)
def test_argument_that_is_not_taken_is_refused_with_the_reason(name: str, said: str) -> None:
    """The error says what to do instead."""
    options: Any = {name: None}
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}': {said}"):
        Client("client-id", "secret", TOKEN_ENDPOINT, **options)
