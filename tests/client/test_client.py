"""A client: what it takes, what it sends, and what it refuses."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from unittest import mock

import pytest
from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    CookieJar,
    InvalidURL,
    TCPConnector,
)
from aiohttp.helpers import sentinel
from aiohttp.typedefs import LooseHeaders
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from aioalf import Client, HTTPRequest, InsecureTransportWarning, TokenError, TokenManager
from aioalf.testing import Fault, OAuthServer
from tests.support.front import Resolver, UserClient, UserManager, api_log, client_of, manager_of


def token_log(server: OAuthServer) -> list[Mapping[str, str]]:
    """The headers of the token requests."""
    return [exchange.headers for exchange in server.log if exchange.server == "authorization"]


@pytest.mark.rule("R050")
@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1", "authorization": "Basic eDp5"},
        CIMultiDict({"X-A": "1", "AUTHORIZATION": "Basic eDp5"}),
        CIMultiDictProxy(CIMultiDict({"X-A": "1", "Authorization": "Basic eDp5"})),
        MultiDict({"X-A": "1", "authorization": "Basic eDp5"}),
        MultiDictProxy(MultiDict([("X-A", "1"), ("authorization", "a"), ("Authorization", "b")])),
        [("X-A", "1"), ("authorization", "Basic eDp5")],
        (("X-A", "1"),),
        {},
        None,
    ],
    ids=lambda headers: type(headers).__name__,
)
async def test_headers_come_in_every_form(
    oauth_server: OAuthServer, headers: LooseHeaders | None
) -> None:
    """A field of the caller's own is replaced, not doubled, and what was handed in stays."""
    before = str(headers)
    async with (
        client_of(oauth_server) as client,
        client.get(oauth_server.url("/things"), headers=headers) as response,
    ):
        assert response.status == 200
    [request] = api_log(oauth_server)
    assert len(request.headers.getall("Authorization")) == 1
    assert request.headers["Authorization"].startswith("Bearer ")
    assert request.headers.getall("X-A", []) == (["1"] if headers else [])
    assert str(headers) == before


@pytest.mark.rule("R056")
async def test_headers_that_can_be_read_once_go_with_the_repeated_request_too(
    oauth_server: OAuthServer,
) -> None:
    """By each way to repeat it, and with the handshake of a websocket."""
    async with client_of(oauth_server) as client:
        for method in ("GET", "POST"):
            await (await client.get(oauth_server.url("/things"))).read()
            oauth_server.revoke_all()
            headers = iter([("X-A", "1"), ("X-B", "2")])
            async with client.request(method, oauth_server.url("/echo"), headers=headers) as answer:
                assert answer.status == 200
        oauth_server.revoke_all()
        headers = iter([("X-A", "1"), ("X-B", "2")])
        protocols = iter(["alf"])
        url = oauth_server.url("/ws")
        async with client.ws_connect(url, headers=headers, protocols=protocols):
            pass
    sent = [request.headers for request in api_log(oauth_server)]
    assert [fields.get("X-B") for fields in sent] == [None, "2", "2", None, "2", "2", "2", "2"]
    assert [fields.get("Sec-WebSocket-Protocol") for fields in sent[-2:]] == ["alf", "alf"]


@pytest.mark.rule("R050")
async def test_auth_is_refused_in_words(oauth_server: OAuthServer) -> None:
    """Two Authorization fields cannot be sent; nothing is asked for or sent."""
    async with client_of(oauth_server) as client:
        auth: Any = ("x", "y")  # to make aiohttp's BasicAuth warns, since 3.14
        for url in (oauth_server.url("/things"), "https://api.example.com/things"):
            with pytest.raises(ValueError, match="auth= or credentials in a URL cannot be used"):
                await client.get(url, auth=auth)
        with pytest.raises(ValueError, match="auth= or credentials in a URL cannot be used"):
            await client.ws_connect(oauth_server.url("/ws"), auth=auth)
        async with client.get(oauth_server.url("/things"), auth=None) as response:
            assert response.status == 200
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


@pytest.mark.rule("R050", "R063")
async def test_credentials_in_a_url_are_refused(oauth_server: OAuthServer) -> None:
    """They would be a second Authorization field."""
    url = URL(oauth_server.url("/things")).with_user("ada").with_password("hunter2")
    async with client_of(oauth_server) as client:
        for each in (url, "https://ada:hunter2@api.example.com/things"):
            with pytest.raises(ValueError, match="credentials in a URL cannot be used") as caught:
                await client.get(each)
            assert "hunter2" not in str(caught.value)
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R063")
async def test_a_token_is_in_no_repr_and_no_log(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor the secret, nor what the caller sends; also where the request is refused."""
    caplog.set_level(logging.DEBUG)
    request = HTTPRequest(oauth_server.url("/things?code=hunter2"), data="hunter2")
    async with client_of(oauth_server) as client:
        async with client.request(request) as response:
            assert response.status == 200
        oauth_server.revoke_all()
        pending = client.request(request)
        shown = f"{client!r} {vars(client)!r} {request!r} {pending!r} {manager_of(oauth_server)!r}"
        async with pending as response:
            assert response.status == 200
    secrets = {seen.headers["Authorization"].partition(" ")[2] for seen in oauth_server.log}
    assert len(secrets) == 3  # two tokens, and Basic credentials
    for secret in (*secrets, oauth_server.client_secret, "hunter2"):
        assert secret not in shown
        assert secret not in caplog.text


async def test_a_request_needs_a_url() -> None:
    """A URL alone is fetch's to take."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    with pytest.raises(TypeError, match="fetch"):
        client.request("https://api.example.com/things")


@pytest.mark.parametrize("url", [None, 5, "http://[::1", "https://", "/relative"])
async def test_a_url_that_is_none_is_aiohttps_to_refuse(
    oauth_server: OAuthServer, url: str
) -> None:
    """The error is the one that a session raises."""
    async with client_of(oauth_server) as client, ClientSession() as session:
        with pytest.raises((InvalidURL, TypeError)) as of_session:
            await session.get(url)
        with pytest.raises((InvalidURL, TypeError)) as of_client:
            await client.get(url)
    assert of_client.type is of_session.type


async def test_a_request_is_a_value_that_is_used_again(oauth_server: OAuthServer) -> None:
    """Options of the call go on top, and leave the request as it was."""
    request = HTTPRequest(oauth_server.url("/things"), "POST", data="one", headers={"X-A": "1"})
    assert repr(request) == "<HTTPRequest POST>"
    async with client_of(oauth_server) as client:
        async with client.request(request) as response:
            assert (await response.json())["body"] == "one"
        async with client.fetch(request, data="two") as response:
            assert (await response.json())["body"] == "two"
        async with client.request(request) as response:
            assert (await response.json())["body"] == "one"
    assert request.options == {"data": "one", "headers": {"X-A": "1"}}


def test_no_event_loop_is_needed_to_make_one() -> None:
    """Nothing is opened, asked or checked before the first request."""
    client = Client()
    assert not client.closed


@pytest.mark.parametrize(
    ("missing", "word"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_secret": None}, "client_secret"),
        ({"token_endpoint": None}, "token endpoint"),
    ],
)
async def test_what_is_missing_is_said_on_first_use(
    oauth_server: OAuthServer, missing: dict[str, None], word: str
) -> None:
    """And the API is not called."""
    given: dict[str, str | None] = {
        "client_id": "client-id",
        "client_secret": "secret",
        "token_endpoint": oauth_server.token_endpoint,
        **missing,
    }
    async with Client(**given) as client:  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(TokenError, match=f"Missing {word}"):
            await client.get(oauth_server.url("/things"))
    assert (oauth_server.token_requests, oauth_server.api_requests) == (0, 0)


@pytest.mark.rule("R053")
async def test_https_can_be_required() -> None:
    """Plain http to another machine is refused then, before anything is asked."""
    async with UserClient(require_https=True) as client:
        for url in ("http://a.example/", "ws://a.example/", "//a.example:80/", "tcp://a.example/"):
            for call in (client.get(url), client.post(url), client.ws_connect(url)):
                with pytest.raises(TokenError, match="require_https"):
                    await call


@pytest.mark.rule("R053")
@pytest.mark.parametrize("scheme", ["", "tcp:"])
async def test_a_url_that_aiohttp_sends_in_the_clear_is_warned_of(
    oauth_server: OAuthServer, scheme: str
) -> None:
    """Without a scheme, too, and whatever the base of a session is."""
    port = URL(oauth_server.url("/")).port
    url = f"{scheme}//api.example.com:{port}/things"
    for base in (None, "https://api.example.com/"):
        connector = TCPConnector(resolver=Resolver())
        async with (
            ClientSession(base, connector=connector) as session,
            client_of(oauth_server, session=session) as client,
        ):
            with pytest.warns(InsecureTransportWarning, match=f"//api.example.com:{port}"):
                assert (await client.get(url)).status == 200


@pytest.mark.rule("R053")
async def test_plain_http_is_warned_of_once(oauth_server: OAuthServer) -> None:
    """Per origin; loopback is not warned of."""
    session = ClientSession()
    await session.close()  # so that nothing leaves this machine
    client = UserClient(session=session)
    insecure = pytest.warns(
        InsecureTransportWarning, match="The resource http://api.example.com/things"
    )
    with insecure, pytest.raises(RuntimeError, match="closed"):
        await client.get("http://api.example.com/things?secret=1")
    for url in ("http://api.example.com/others", oauth_server.url("/things")):
        with pytest.raises(RuntimeError, match="closed"):
            await client.get(url)


# The seams of 0.4.0


async def test_a_users_manager_class_gets_the_five_keywords() -> None:
    """And no new one unless the caller gave it; http_options is a mapping at least."""
    made: list[UserManager] = []

    class Kept(UserManager):
        def __init__(self, **arguments: object) -> None:
            super().__init__(**arguments)  # type: ignore[arg-type]
            made.append(self)

    class KeptClient(Client):
        token_manager_class = Kept

    KeptClient("id", "secret", "https://auth.example.com/token")
    KeptClient("id", "secret", "https://auth.example.com/token", {"ssl": False}, "a b")
    with pytest.raises(TypeError, match="default_expires_in"):
        KeptClient("id", default_expires_in=60)
    assert [manager.arguments for manager in made] == [
        ("https://auth.example.com/token", "id", "secret", {}, None),
        ("https://auth.example.com/token", "id", "secret", {"ssl": False}, "a b"),
    ]


@pytest.mark.parametrize("hook", ["_get_token_data", "get_token"])
async def test_a_manager_subclass_overrides_one_method(
    oauth_server: OAuthServer, hook: str
) -> None:
    """Each of them is where a token may come from, and is asked again after a 401."""
    asked: list[str] = []

    async def give_data(self: TokenManager) -> dict[str, object]:
        asked.append(f"token-{len(asked)}")
        return {"access_token": asked[-1], "expires_in": 3600}

    async def give_token(self: TokenManager) -> str:
        asked.append(f"token-{len(asked)}")
        return asked[-1]

    hooks = {"_get_token_data": give_data, "get_token": give_token}

    class HookedClient(Client):
        token_manager_class = type("Hooked", (TokenManager,), {hook: hooks[hook]})

    async with (
        HookedClient("id", "secret", oauth_server.token_endpoint) as client,
        client.get(oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    first, second = (request.headers["Authorization"] for request in api_log(oauth_server))
    assert first == "Bearer token-0"
    assert second != first
    assert oauth_server.token_requests == 0


@pytest.mark.rule("R062")
@pytest.mark.parametrize("token", [None, "", "a\r\nb"])
async def test_nothing_is_sent_without_a_token(oauth_server: OAuthServer, token: str) -> None:
    """Whatever a user's manager gives."""

    class Giving(UserManager):
        async def get_token(self) -> str:
            return token

    class GivingClient(Client):
        token_manager_class = Giving

    async with GivingClient("id", "secret", oauth_server.token_endpoint) as client:
        for call in (client.get(oauth_server.url("/")), client.ws_connect(oauth_server.url("/ws"))):
            with pytest.raises(TokenError):
                await call
    assert oauth_server.api_requests == 0


# A session that was given


async def test_a_given_session_keeps_what_it_has(oauth_server: OAuthServer) -> None:
    """Its headers, its cookies and its base go with the request, and with no token request."""
    seen: list[str] = []

    async def note(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        seen.append(request.url.path)
        return await handler(request)

    session = ClientSession(
        oauth_server.api_url,
        headers={"X-Mine": "1", "Authorization": "Basic eDp5"},
        cookies={"mine": "1"},
        cookie_jar=CookieJar(unsafe=True),
        middlewares=[note],
        raise_for_status=True,
        trust_env=True,
    )
    async with (
        session,
        client_of(oauth_server, session) as client,
        client.get("/things") as response,
    ):
        assert response.status == 200
    [request], [asked] = api_log(oauth_server), token_log(oauth_server)
    assert request.headers["X-Mine"] == "1"
    assert request.headers["Cookie"] == "mine=1"
    assert request.headers.getall("Authorization")[0].startswith("Bearer ")
    assert "X-Mine" not in asked
    assert "Cookie" not in asked
    assert seen == ["/things"]


async def test_a_given_sessions_raise_for_status_is_kept(oauth_server: OAuthServer) -> None:
    """A 401 that can be mended is no error to it."""
    async with (
        ClientSession(raise_for_status=True) as session,
        client_of(oauth_server, session) as client,
    ):
        await (await client.get(oauth_server.url("/things"))).read()
        oauth_server.revoke_all()
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200


async def test_the_middlewares_of_a_call_take_the_sessions_place(
    oauth_server: OAuthServer,
) -> None:
    """As in aiohttp, and the renewal stays innermost: they see one answer."""
    seen: list[int] = []

    async def note(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        seen.append(response.status)
        return response

    async def fail(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        raise AssertionError("this is the session's")

    async with (
        ClientSession(middlewares=[fail]) as session,
        client_of(oauth_server, session) as given,
        client_of(oauth_server) as own,
    ):
        for client in (given, own):
            for _ in range(2):
                url = oauth_server.url("/things")
                async with client.get(url, middlewares=[note]) as response:
                    assert response.status == 200
                oauth_server.revoke_all()
    assert seen == [200] * 4
    assert oauth_server.rejected_requests == 2


async def test_one_connection_is_enough(oauth_server: OAuthServer) -> None:
    """The token request and the request take turns on the session's connector."""
    async with (
        ClientSession(connector=TCPConnector(limit=1)) as session,
        client_of(oauth_server, session) as client,
        asyncio.timeout(10),
    ):
        for _ in range(3):
            oauth_server.revoke_all()
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 200


async def test_token_requests_go_through_a_given_sessions_network(
    oauth_server: OAuthServer,
) -> None:
    """Its connector finds the token endpoint, as it finds the API."""
    resolver = Resolver()
    endpoint = oauth_server.token_endpoint.replace("127.0.0.1", "auth.localhost")
    async with (
        ClientSession(connector=TCPConnector(resolver=resolver)) as session,
        Client("client-id", "secret", endpoint, session=session) as client,
        client.get(oauth_server.url("/things").replace("127.0.0.1", "api.localhost")) as response,
    ):
        assert response.status == 200
    assert resolver.asked == ["auth.localhost", "api.localhost"]


async def test_an_own_session_is_the_network_of_both(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens and requests share one connector."""
    made: list[TCPConnector] = []

    def make(*args: Any, **options: Any) -> TCPConnector:
        made.append(TCPConnector(*args, **options))
        return made[-1]

    monkeypatch.setattr("aiohttp.client.TCPConnector", make)
    async with client_of(oauth_server) as client:
        for _ in range(2):
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 200
            oauth_server.revoke_all()
    assert len(made) == 1


async def test_a_request_method_that_was_replaced_is_called(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mocks put theirs on the class, on a session, or in place of a session."""
    asked: list[str] = []

    async def pretend(*args: Any, **options: Any) -> object:
        asked.append(options["headers"]["Authorization"])
        return mock.Mock(status=200)

    async with ClientSession() as session, client_of(oauth_server, session) as client:
        with mock.patch.object(session, "request", pretend):
            await client.get(oauth_server.url("/things"))
        with mock.patch.object(ClientSession, "request", pretend):
            await client.get(oauth_server.url("/things"))
    double = mock.Mock(request=pretend, timeout=ClientTimeout(), spec_set=ClientSession)
    monkeypatch.setattr(TokenManager, "cached_token", mock.Mock(return_value="token"))
    async with client_of(oauth_server, double) as client:
        await client.get(oauth_server.url("/things"))
    async with client_of(oauth_server) as client:
        with mock.patch.object(ClientSession, "request", pretend):
            await client.get(oauth_server.url("/things"))
            await client.get(oauth_server.url("/things"), headers={"X-A": "1"})
    assert len(asked) == 5
    assert not api_log(oauth_server)


# Time limits


@pytest.mark.parametrize("timeout", [0.05, ClientTimeout(total=0.05)])
@pytest.mark.parametrize("is_given", [False, True])
async def test_a_total_timeout_bounds_the_wait_for_a_token(
    oauth_server: OAuthServer, timeout: ClientTimeout, *, is_given: bool
) -> None:
    """It is the call's to say how long it takes in all; the token request goes on for others."""
    oauth_server.token_fault = Fault.slow(0.4).times(1)
    async with (
        ClientSession() as session,
        client_of(oauth_server, session if is_given else None) as client,
    ):
        patient = asyncio.create_task(client.get(oauth_server.url("/things")))
        with pytest.raises(TimeoutError):
            await client.get(oauth_server.url("/things"), timeout=timeout)
        async with await patient as response:
            assert response.status == 200
    assert oauth_server.token_requests == 1


async def test_a_given_sessions_total_timeout_bounds_it_too(oauth_server: OAuthServer) -> None:
    """Where the call says nothing, or says that it says nothing."""
    oauth_server.token_fault = Fault.slow(5)
    async with (
        ClientSession(timeout=ClientTimeout(total=0.05)) as session,
        client_of(oauth_server, session) as client,
    ):
        with pytest.raises(TimeoutError):
            await client.get(oauth_server.url("/things"))
        with pytest.raises(TimeoutError):
            await client.get(oauth_server.url("/things"), timeout=sentinel)
        with pytest.raises(TimeoutError):
            await client.ws_connect(oauth_server.url("/ws"))
    assert oauth_server.api_requests == 0


@pytest.mark.parametrize("timeout", [ClientTimeout(total=0), ClientTimeout(), None])
async def test_no_total_timeout_is_none(
    oauth_server: OAuthServer, timeout: ClientTimeout | None
) -> None:
    """To aiohttp, 0 and None are no limit."""
    async with (
        client_of(oauth_server) as client,
        client.get(oauth_server.url("/things"), timeout=timeout) as response,
    ):
        assert response.status == 200


@pytest.mark.rule("R071")
async def test_a_caller_that_is_cancelled_hurts_nobody_else(oauth_server: OAuthServer) -> None:
    """Not even the first one, whose call began the token request."""
    oauth_server.token_fault = Fault.slow(0.2).times(1)
    async with client_of(oauth_server) as client:
        url = oauth_server.url("/things")
        first, second = (asyncio.create_task(client.get(url)) for _ in range(2))
        await oauth_server.reached(token_requests=1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        async with await second as response:
            assert response.status == 200
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


async def test_a_request_and_a_url_are_one_too_many() -> None:
    """Which of the two is meant cannot be known."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    with pytest.raises(TypeError, match="or an HTTPRequest"):
        client.request(HTTPRequest("https://api.example.com/"), "https://api.example.com/")
