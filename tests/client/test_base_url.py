"""A path alone is joined with a base URL from an option, a session or the token response."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout, InvalidURL, InvalidUrlClientError, TCPConnector
from yarl import URL

from aioalf import (
    Client,
    HTTPRequest,
    InsecureTransportWarning,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenManager,
)
from aioalf._api_rules import ApiRules
from aioalf.caches import MemoryCache
from aioalf.testing import Fault, OAuthServer
from tests.support.front import FixedManager, Resolver, api_log

MEMBER = "instance_url"


def make_client(server: OAuthServer, **options: Any) -> Client:
    """Create a client of the server."""
    return Client(server.client_id, server.client_secret, server.token_endpoint, **options)


@asynccontextmanager
async def client_with_member(
    server: OAuthServer, value: Any, **options: Any
) -> AsyncGenerator[Client, None]:
    """Open a client whose token response has this value as URL of the API."""
    server.changes["token"] = {MEMBER: value}
    async with make_client(server, base_url_member=MEMBER, **options) as client:
        yield client


async def paths(client: Client, server: OAuthServer) -> list[str]:
    """Return the paths at the API of requests and a websocket to paths alone."""
    for response in (
        await client.get("things"),
        await client.post(URL("/things"), data=b"alf"),
        await client.request("PUT", "things/1?a=b"),
        await client.request(HTTPRequest("more", params={"c": "d"})),
        await client.fetch("../up"),
    ):
        assert response.status == 200
        await response.read()
    async with client.ws_connect("/ws") as websocket:
        await websocket.send_str("alf")
        assert await websocket.receive_str(timeout=5) == "alf"
    return [f"{each.path}?{each.query}".removesuffix("?") for each in api_log(server)]


async def test_path_is_joined_with_base_url(oauth_server: OAuthServer) -> None:
    """The joining rules are aiohttp's."""
    base_url = URL(oauth_server.api_url) / "v1" / ""
    async with make_client(oauth_server, base_url=base_url) as client:
        ours = await paths(client, oauth_server)
        async with client.get(oauth_server.url("/whole")) as response:
            assert (await response.json())["path"] == "/whole"
    oauth_server.reset_counters()
    async with (
        ClientSession(base_url) as session,
        make_client(oauth_server, session=session) as client,
    ):
        assert await paths(client, oauth_server) == ours
    assert ours == ["/v1/things", "/things", "/v1/things/1?a=b", "/v1/more?c=d", "/up", "/ws"]


async def test_path_is_joined_with_the_url_in_the_token_response(oauth_server: OAuthServer) -> None:
    """Requests and websockets go to the API that the server names, with one token request."""
    async with client_with_member(oauth_server, f"{oauth_server.api_url}/v1") as client:
        joined = await paths(client, oauth_server)
    assert joined == ["/v1/things", "/things", "/v1/things/1?a=b", "/v1/more?c=d", "/up", "/ws"]
    assert oauth_server.token_requests == 1


async def test_first_use_may_be_a_websocket(oauth_server: OAuthServer) -> None:
    """Its token is requested first, because the URL is in the token response."""
    async with (
        client_with_member(oauth_server, oauth_server.api_url) as client,
        client.ws_connect("ws") as websocket,
    ):
        await websocket.send_str("alf")
        assert await websocket.receive_str(timeout=5) == "alf"


async def test_token_for_a_path_alone_is_renewed_after_a_401(oauth_server: OAuthServer) -> None:
    """The request is repeated once, and a second 401 is the response."""
    async with client_with_member(oauth_server, oauth_server.api_url) as client:
        for method in ("GET", "POST"):
            oauth_server.revoke_all()
            async with client.request(method, "things") as response:
                assert response.status == 200
        oauth_server.api_fault = Fault.status(401)
        async with client.get("things") as response:
            assert response.status == 401


async def test_url_of_the_api_is_kept_in_the_cache(oauth_server: OAuthServer) -> None:
    """The next client needs no token request to know it."""
    cache = MemoryCache()
    for _ in range(2):
        async with (
            client_with_member(oauth_server, oauth_server.api_url, cache=cache) as client,
            client.get("things") as response,
        ):
            assert response.status == 200
    assert oauth_server.token_requests == 1


async def test_timeout_of_a_call_covers_the_wait_for_the_url(oauth_server: OAuthServer) -> None:
    """The token request counts, as for a whole URL."""
    oauth_server.token_fault = Fault.slow(30)
    async with client_with_member(oauth_server, oauth_server.api_url) as client:
        with pytest.raises(TimeoutError):
            await client.get("things", timeout=ClientTimeout(total=0.05))


async def test_error_of_the_token_endpoint_is_returned_for_a_path_alone(
    oauth_server: OAuthServer,
) -> None:
    """It is the response, as for a whole URL, unless errors are raised."""
    oauth_server.token_fault = Fault.body(b'{"error": "invalid_client"}', status=401)
    async with (
        client_with_member(oauth_server, oauth_server.api_url) as client,
        client.get("things") as response,
    ):
        assert response.status == 401
        assert (await response.json())["error"] == "invalid_client"
    options = {"raise_token_errors": True}
    async with client_with_member(oauth_server, oauth_server.api_url, **options) as client:
        with pytest.raises(TokenHTTPError):
            await client.get("things")
    assert oauth_server.api_requests == 0


@pytest.mark.parametrize("way", ["get", "ws_connect"])
@pytest.mark.parametrize("allowed_origins", [None, ["https://api.example.com"]])
async def test_path_without_base_url_is_refused(
    oauth_server: OAuthServer, way: str, allowed_origins: list[str] | None
) -> None:
    """The error says what to do, shows no query, and no token is requested."""
    async with make_client(oauth_server, allowed_origins=allowed_origins) as client:
        for path in ("/things?key=hidden", "things:1", ""):
            with pytest.raises(InvalidUrlClientError, match="pass base_url to Client") as caught:
                await getattr(client, way)(path)
            assert "hidden" not in str(caught.value)
    assert oauth_server.log == []


@pytest.mark.parametrize("way", ["get", "ws_connect"])
@pytest.mark.parametrize("path", ["things:1", "ftp:things", "http:///things"])
async def test_path_cannot_leave_the_base_url(
    oauth_server: OAuthServer, way: str, path: str
) -> None:
    """A URL with a scheme and without a host is no path."""
    for options in ({"base_url": "https://api.example.com/"}, {"base_url_member": MEMBER}):
        oauth_server.changes["token"] = {MEMBER: "https://api.example.com/"}
        async with make_client(oauth_server, **options) as client:
            with pytest.raises(InvalidURL, match="is a path alone"):
                await getattr(client, way)(path)


@pytest.mark.rule("R055")
@pytest.mark.parametrize("way", ["get", "post", "ws_connect"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("http://api.example.com/", "must be https, not http://api.example.com/"),
        ("https://ada:hidden@api.example.com", "must not carry credentials"),
        ("https://api.example.com/?key=hidden", "must not have a query"),
        ("https://api.example.com/#part", "must not have a fragment"),
        ("ftp://api.example.com", "must be an absolute https URL"),
        ("//api.example.com", "must be an absolute https URL"),
        ("api.example.com", "must be an absolute https URL"),
        ("https://[hidden", "is not a URL"),
        ("", "must be an absolute https URL"),
        (None, "has no instance_url"),
        (5, "has no instance_url"),
        (["https://api.example.com"], "has no instance_url"),
    ],
)
async def test_unusable_url_in_the_token_response_is_refused(
    oauth_server: OAuthServer, way: str, value: object, said: str
) -> None:
    """The token is not sent, and the error shows no secret."""
    async with client_with_member(oauth_server, value) as client:
        with pytest.raises(TokenError, match=said) as caught:
            await getattr(client, way)("things")
    assert "hidden" not in str(caught.value)


@pytest.mark.rule("R055")
async def test_url_in_the_token_response_has_to_be_an_allowed_origin(
    oauth_server: OAuthServer,
) -> None:
    """The server does not decide alone where the token is sent."""
    options = {"allowed_origins": [oauth_server.api_url]}
    async with client_with_member(oauth_server, oauth_server.other_url, **options) as client:
        for way in (client.get, client.post, client.ws_connect):
            with pytest.raises(TokenError, match="not in allowed_origins"):
                await way("things")
    assert oauth_server.other_requests == 0
    async with (
        client_with_member(oauth_server, oauth_server.api_url, **options) as client,
        client.get("things") as response,
    ):
        assert response.status == 200


@pytest.mark.rule("R053")
async def test_base_url_may_be_plain_http_with_a_warning(oauth_server: OAuthServer) -> None:
    """As a whole URL may, and `require_https` refuses both."""
    options = {
        "base_url": f"{oauth_server.api_url}/".replace("127.0.0.1", "api.localhost"),
        "connector": lambda: TCPConnector(resolver=Resolver()),
    }
    async with make_client(oauth_server, **options) as client:
        with pytest.warns(InsecureTransportWarning):
            response = await client.get("things")
        assert response.status == 200
        await response.read()
    async with make_client(oauth_server, **options, require_https=True) as client:
        with pytest.raises(TokenError, match="require_https"):
            await client.get("things")


async def test_base_url_of_the_rules_is_the_default(oauth_server: OAuthServer) -> None:
    """The option, the session and the token response override it."""

    class ShopManager(TokenManager):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.api_rules = ApiRules(base_url=oauth_server.url("/rules/"))

    class ShopClient(Client):
        token_manager_class = ShopManager

    arguments = (oauth_server.client_id, oauth_server.client_secret, oauth_server.token_endpoint)
    async with ClientSession(oauth_server.url("/session/")) as session:
        for client in (
            ShopClient(*arguments),
            ShopClient(*arguments, base_url=oauth_server.url("/option/")),
            ShopClient(*arguments, session=session),
        ):
            async with client, client.get("things") as response:
                assert response.status == 200
    found = [request.path for request in api_log(oauth_server)]
    assert found == ["/rules/things", "/option/things", "/session/things"]


async def test_foreign_manager_knows_no_members(oauth_server: OAuthServer) -> None:
    """The error says so, since its tokens are text."""

    class ShopManager(FixedManager):
        api_rules = ApiRules(base_url_member=MEMBER)

        def __init__(self, **_: object) -> None:
            super().__init__("abc")

    class ShopClient(Client):
        token_manager_class = ShopManager

    async with ShopClient() as client:
        with pytest.raises(TokenError, match="has no instance_url"):
            await client.get("things")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"base_url": "https://api.example.com/v1"},
            "must end with a slash, as in aiohttp: pass '",
        ),
        ({"base_url": "https://api.example.com/?a=hidden"}, "must not have a query"),
        ({"base_url": "https://ada:hidden@api.example.com/"}, "must not carry credentials"),
        ({"base_url": "api.example.com/"}, "must be an absolute https URL"),
        ({"base_url": "ftp://api.example.com/"}, "must be an absolute https URL"),
        ({"base_url": 5}, "must be an absolute https URL, not int"),
        (
            {"base_url": "https://api.example.com/", "allowed_origins": ["https://b.example"]},
            "base_url https://api.example.com/ is not in allowed_origins",
        ),
        (
            {"base_url": "https://api.example.com/", "base_url_member": MEMBER},
            "base_url and base_url_member contradict each other",
        ),
        ({"base_url_member": ""}, "base_url_member must be the name of a member"),
        ({"base_url_member": 5}, "base_url_member must be the name of a member"),
    ],
)
def test_unusable_base_url_is_refused(options: Any, said: str) -> None:
    """The error is raised when the client is made, without an event loop."""
    with pytest.raises(TokenConfigurationError, match=said) as caught:
        Client("client-id", "secret", "https://auth.example.com/token", **options)
    assert "hidden" not in str(caught.value)
