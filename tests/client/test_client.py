"""Arguments, requests and errors of `Client`, against a server on loopback."""

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
    InvalidUrlClientError,
    TCPConnector,
)
from aiohttp.helpers import sentinel
from aiohttp.typedefs import LooseHeaders
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from aioalf import Client, HTTPRequest, InsecureTransportWarning, TokenError, TokenManager
from aioalf.errors import TokenConfigurationError
from aioalf.testing import Fault, OAuthServer
from tests.support.front import Resolver, UserClient, UserManager, api_log, client_of, manager_of


def token_request_headers(server: OAuthServer) -> list[Mapping[str, str]]:
    """Return the headers of the token requests."""
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
async def test_authorization_header_is_replaced_in_headers_of_any_type(
    oauth_server: OAuthServer, headers: LooseHeaders | None
) -> None:
    """The caller's Authorization header is replaced, and the caller's object is not changed."""
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
async def test_headers_from_an_iterator_are_sent_again_after_a_401(
    oauth_server: OAuthServer,
) -> None:
    """Headers and protocols from an iterator are sent with the retry, also for websockets."""
    async with client_of(oauth_server) as client:
        for method in ("GET", "POST"):
            await (await client.get(oauth_server.url("/things"))).read()
            oauth_server.revoke_all()
            headers = iter([("X-A", "1"), ("X-B", "2")])
            async with client.request(
                method, oauth_server.url("/echo"), headers=headers
            ) as response:
                assert response.status == 200
        oauth_server.revoke_all()
        headers = iter([("X-A", "1"), ("X-B", "2")])
        protocols = iter(["alf"])
        url = oauth_server.url("/ws")
        async with client.ws_connect(url, headers=headers, protocols=protocols):
            pass
    sent = [request.headers for request in api_log(oauth_server)]
    assert [each.get("X-B") for each in sent] == [None, "2", "2", None, "2", "2", "2", "2"]
    assert [each.get("Sec-WebSocket-Protocol") for each in sent[-2:]] == ["alf", "alf"]


@pytest.mark.rule("R050")
async def test_auth_argument_raises_value_error(oauth_server: OAuthServer) -> None:
    """`auth=` raises ValueError before any request is sent; `auth=None` is allowed."""
    async with client_of(oauth_server) as client:
        auth: Any = ("x", "y")  # aiohttp's BasicAuth is deprecated since 3.14
        for url in (oauth_server.url("/things"), "https://api.example.com/things"):
            with pytest.raises(ValueError, match="auth= or credentials in a URL cannot be used"):
                await client.get(url, auth=auth)
        with pytest.raises(ValueError, match="auth= or credentials in a URL cannot be used"):
            await client.ws_connect(oauth_server.url("/ws"), auth=auth)
        async with client.get(oauth_server.url("/things"), auth=None) as response:
            assert response.status == 200
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


@pytest.mark.rule("R050", "R063")
async def test_credentials_in_a_url_raise_value_error(oauth_server: OAuthServer) -> None:
    """A URL with credentials raises ValueError, and the message does not contain the password."""
    url = URL(oauth_server.url("/things")).with_user("ada").with_password("hunter2")
    async with client_of(oauth_server) as client:
        for each in (url, "https://ada:hunter2@api.example.com/things"):
            with pytest.raises(ValueError, match="credentials in a URL cannot be used") as caught:
                await client.get(each)
            assert "hunter2" not in str(caught.value)
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R063")
async def test_no_repr_or_log_contains_a_secret(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens, the client secret and the caller's data are in no repr and no log."""
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
    secrets = {each.headers["Authorization"].partition(" ")[2] for each in oauth_server.log}
    assert len(secrets) == 3  # two tokens and the Basic credentials
    for secret in (*secrets, oauth_server.client_secret, "hunter2"):
        assert secret not in shown
        assert secret not in caplog.text.replace("client_secret_basic", "")


async def test_request_with_a_url_alone_raises_type_error() -> None:
    """`request()` with a URL alone raises a TypeError that names `fetch()`."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    with pytest.raises(TypeError, match="fetch"):
        client.request("https://api.example.com/things")


@pytest.mark.parametrize("url", [None, 5, "http://[::1", "https://", "/relative"])
async def test_invalid_url_raises_the_same_error_as_a_session(
    oauth_server: OAuthServer, url: str
) -> None:
    """An invalid URL raises the error that `ClientSession` raises."""
    async with client_of(oauth_server) as client, ClientSession() as session:
        with pytest.raises((InvalidURL, TypeError)) as of_session:
            await session.get(url)
        with pytest.raises((InvalidURL, TypeError)) as of_client:
            await client.get(url)
    assert of_client.type is of_session.type


async def test_http_request_can_be_sent_several_times(oauth_server: OAuthServer) -> None:
    """Options of a call override the options of the HTTPRequest and do not change them."""
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


def test_client_is_created_without_an_event_loop() -> None:
    """A client can be created when a module is imported."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    assert not client.closed


@pytest.mark.parametrize("arguments", [(), ("client-id", "secret")])
def test_client_without_a_server_is_refused(arguments: tuple[Any, ...]) -> None:
    """No request could ever succeed; the error says what to pass."""
    with pytest.raises(TokenConfigurationError, match="pass token_endpoint, or issuer"):
        Client(*arguments)


@pytest.mark.parametrize(
    ("missing", "word"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_secret": None}, "client_secret"),
    ],
)
async def test_missing_setting_is_named_on_first_use(
    oauth_server: OAuthServer, missing: dict[str, None], word: str
) -> None:
    """A TokenError names the missing setting, and no request is sent."""
    arguments: dict[str, str | None] = {
        "client_id": "client-id",
        "client_secret": "secret",
        "token_endpoint": oauth_server.token_endpoint,
        **missing,
    }
    async with Client(**arguments) as client:  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(TokenError, match=f"Missing {word}"):
            await client.get(oauth_server.url("/things"))
    assert (oauth_server.token_requests, oauth_server.api_requests) == (0, 0)


@pytest.mark.rule("R053")
async def test_require_https_rejects_unencrypted_urls() -> None:
    """With `require_https`, an unencrypted URL of another machine raises TokenError."""
    async with UserClient(require_https=True) as client:
        for url in ("http://a.example/", "ws://a.example/", "//a.example:80/", "tcp://a.example/"):
            for call in (client.get(url), client.post(url), client.ws_connect(url)):
                with pytest.raises(TokenError, match="require_https"):
                    await call


@pytest.mark.rule("R053")
@pytest.mark.parametrize(
    ("scheme", "base"), [("", None), ("tcp:", None), ("tcp:", "https://api.example.com/")]
)
async def test_unencrypted_url_without_http_scheme_causes_a_warning(
    oauth_server: OAuthServer, scheme: str, base: str | None
) -> None:
    """A URL without a scheme or with `tcp:` is sent by plain http, as in aiohttp."""
    port = URL(oauth_server.url("/")).port
    url = f"{scheme}//api.example.com:{port}/things"
    connector = TCPConnector(resolver=Resolver())
    async with (
        ClientSession(base, connector=connector) as session,
        client_of(oauth_server, session=session) as client,
    ):
        with pytest.warns(InsecureTransportWarning, match=f"//api.example.com:{port}"):
            assert (await client.get(url)).status == 200


@pytest.mark.rule("R053")
async def test_url_without_a_scheme_is_joined_with_the_base_url(oauth_server: OAuthServer) -> None:
    """It leads to no other host or port (RFC 3986 §5.2.2); aiohttp would send it by plain http."""
    async with (
        ClientSession("https://api.example.com/") as session,
        client_of(oauth_server, session=session) as client,
    ):
        for host in ("api.example.com:1", "evil.example", "127.0.0.1:1"):
            with pytest.raises(InvalidUrlClientError):
                await client.get(f"//{host}/things")


@pytest.mark.rule("R053")
async def test_plain_http_causes_one_warning_per_origin(oauth_server: OAuthServer) -> None:
    """A plain http URL causes one warning for each origin; loopback URLs cause none."""
    session = ClientSession()
    await session.close()  # so that no request leaves this machine
    client = UserClient(session=session)
    insecure = pytest.warns(
        InsecureTransportWarning, match="The resource http://api.example.com/things"
    )
    with insecure, pytest.raises(RuntimeError, match="closed"):
        await client.get("http://api.example.com/things?secret=1")
    for url in ("http://api.example.com/others", oauth_server.url("/things")):
        with pytest.raises(RuntimeError, match="closed"):
            await client.get(url)


# Extension points of 0.4.0


async def test_manager_class_gets_the_five_keywords_of_0_4_0() -> None:
    """A manager class gets a newer option only if the caller passed it."""
    managers: list[UserManager] = []

    class RecordingManager(UserManager):
        def __init__(self, **arguments: object) -> None:
            super().__init__(**arguments)  # type: ignore[arg-type]
            managers.append(self)

    class RecordingClient(Client):
        token_manager_class = RecordingManager

    RecordingClient("id", "secret", "https://auth.example.com/token")
    RecordingClient("id", "secret", "https://auth.example.com/token", {"ssl": False}, "a b")
    with pytest.raises(TypeError, match="default_expires_in"):
        RecordingClient("id", default_expires_in=60)
    assert [manager.arguments for manager in managers] == [
        ("https://auth.example.com/token", "id", "secret", {}, None),
        ("https://auth.example.com/token", "id", "secret", {"ssl": False}, "a b"),
    ]


@pytest.mark.parametrize("hook", ["_get_token_data", "get_token"])
async def test_overridden_method_of_a_manager_provides_tokens(
    oauth_server: OAuthServer, hook: str
) -> None:
    """A subclass may override either method, which is called again after a 401."""
    tokens: list[str] = []

    async def get_token_data(self: TokenManager) -> dict[str, object]:
        tokens.append(f"token-{len(tokens)}")
        return {"access_token": tokens[-1], "expires_in": 3600}

    async def get_token(self: TokenManager) -> str:
        tokens.append(f"token-{len(tokens)}")
        return tokens[-1]

    hooks = {"_get_token_data": get_token_data, "get_token": get_token}

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
async def test_invalid_token_of_a_custom_manager_is_not_sent(
    oauth_server: OAuthServer, token: str
) -> None:
    """If a custom manager returns an invalid token, TokenError is raised and no request sent."""

    class InvalidTokenManager(UserManager):
        async def get_token(self) -> str:
            return token

    class InvalidTokenClient(Client):
        token_manager_class = InvalidTokenManager

    async with InvalidTokenClient("id", "secret", oauth_server.token_endpoint) as client:
        for call in (client.get(oauth_server.url("/")), client.ws_connect(oauth_server.url("/ws"))):
            with pytest.raises(TokenError):
                await call
    assert oauth_server.api_requests == 0


# A session that the caller provides


async def test_session_defaults_apply_to_api_requests_only(oauth_server: OAuthServer) -> None:
    """Headers, cookies and base URL of a session apply to API requests, not to token requests."""
    paths: list[str] = []

    async def record_path(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        paths.append(request.url.path)
        return await handler(request)

    session = ClientSession(
        oauth_server.api_url,
        headers={"X-Mine": "1", "Authorization": "Basic eDp5"},
        cookies={"mine": "1"},
        cookie_jar=CookieJar(unsafe=True),
        middlewares=[record_path],
        raise_for_status=True,
        trust_env=True,
    )
    async with (
        session,
        client_of(oauth_server, session) as client,
        client.get("/things") as response,
    ):
        assert response.status == 200
    [request], [token_headers] = api_log(oauth_server), token_request_headers(oauth_server)
    assert request.headers["X-Mine"] == "1"
    assert request.headers["Cookie"] == "mine=1"
    assert request.headers.getall("Authorization")[0].startswith("Bearer ")
    assert "X-Mine" not in token_headers
    assert "Cookie" not in token_headers
    assert paths == ["/things"]


async def test_session_raise_for_status_ignores_a_renewed_401(oauth_server: OAuthServer) -> None:
    """A 401 that a renewal resolves raises no error in a session with `raise_for_status`."""
    async with (
        ClientSession(raise_for_status=True) as session,
        client_of(oauth_server, session) as client,
    ):
        await (await client.get(oauth_server.url("/things"))).read()
        oauth_server.revoke_all()
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200


async def test_middlewares_of_a_call_replace_those_of_the_session(
    oauth_server: OAuthServer,
) -> None:
    """Middlewares of a call replace the session's, as in aiohttp, and see each attempt."""
    statuses: list[int] = []

    async def record_status(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        statuses.append(response.status)
        return response

    async def fail(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        raise AssertionError("the session's middleware was called")

    async with (
        ClientSession(middlewares=[fail]) as session,
        client_of(oauth_server, session) as with_session,
        client_of(oauth_server) as without_session,
    ):
        for client in (with_session, without_session):
            for _ in range(2):
                url = oauth_server.url("/things")
                async with client.get(url, middlewares=[record_status]) as response:
                    assert response.status == 200
                oauth_server.revoke_all()
    assert statuses == [200, 401, 200] * 2
    assert oauth_server.rejected_requests == 2


async def test_connection_limit_of_one_is_enough(oauth_server: OAuthServer) -> None:
    """A client works with a session that allows one connection."""
    async with (
        ClientSession(connector=TCPConnector(limit=1)) as session,
        client_of(oauth_server, session) as client,
        asyncio.timeout(10),
    ):
        for _ in range(3):
            oauth_server.revoke_all()
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 200


async def test_replaced_request_method_is_called(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mock of `request` on the class, on a session or in place of a session is called."""
    headers: list[str] = []

    async def fake_request(*args: Any, **options: Any) -> object:
        headers.append(options["headers"]["Authorization"])
        return mock.Mock(status=200)

    async with ClientSession() as session, client_of(oauth_server, session) as client:
        with mock.patch.object(session, "request", fake_request):
            await client.get(oauth_server.url("/things"))
        with mock.patch.object(ClientSession, "request", fake_request):
            await client.get(oauth_server.url("/things"))
    fake_session = mock.Mock(request=fake_request, timeout=ClientTimeout(), spec_set=ClientSession)
    monkeypatch.setattr(TokenManager, "cached_token", mock.Mock(return_value="token"))
    async with client_of(oauth_server, fake_session) as client:
        await client.get(oauth_server.url("/things"))
    async with client_of(oauth_server) as client:
        with mock.patch.object(ClientSession, "request", fake_request):
            await client.get(oauth_server.url("/things"))
            await client.get(oauth_server.url("/things"), headers={"X-A": "1"})
    assert len(headers) == 5
    assert not api_log(oauth_server)


# Time limits


@pytest.mark.parametrize("timeout", [0.05, ClientTimeout(total=0.05)])
@pytest.mark.parametrize("has_session", [False, True])
async def test_total_timeout_includes_the_wait_for_a_token(
    oauth_server: OAuthServer, timeout: ClientTimeout, *, has_session: bool
) -> None:
    """A timeout ends the wait of one caller; the token request continues for the others."""
    oauth_server.token_fault = Fault.slow(0.4).times(1)
    async with (
        ClientSession() as session,
        client_of(oauth_server, session if has_session else None) as client,
    ):
        patient = asyncio.create_task(client.get(oauth_server.url("/things")))
        with pytest.raises(TimeoutError):
            await client.get(oauth_server.url("/things"), timeout=timeout)
        async with await patient as response:
            assert response.status == 200
    assert oauth_server.token_requests == 1


async def test_session_timeout_includes_the_wait_for_a_token(oauth_server: OAuthServer) -> None:
    """The session's total timeout applies if the call has none."""
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
async def test_total_timeout_of_zero_or_none_means_no_limit(
    oauth_server: OAuthServer, timeout: ClientTimeout | None
) -> None:
    """A total timeout of 0 or None means no limit, as in aiohttp."""
    async with (
        client_of(oauth_server) as client,
        client.get(oauth_server.url("/things"), timeout=timeout) as response,
    ):
        assert response.status == 200


@pytest.mark.rule("R071")
async def test_cancelling_a_caller_does_not_affect_others(oauth_server: OAuthServer) -> None:
    """Cancelling the caller that started a token request does not affect other callers."""
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


async def test_http_request_with_a_url_raises_type_error() -> None:
    """`request()` with an HTTPRequest and a URL raises TypeError."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    with pytest.raises(TypeError, match="or an HTTPRequest"):
        client.request(HTTPRequest("https://api.example.com/"), "https://api.example.com/")


async def test_options_that_are_not_set_are_not_passed_to_a_manager_of_0_4_0(
    oauth_server: OAuthServer,
) -> None:
    """None and False are the defaults; a class of 0.4.0 does not know these options."""

    class OldClient(Client):
        token_manager_class = UserManager

    options: dict[str, Any] = {"require_scope": False, "cache": None, "retry": None}
    OldClient("id", "secret", oauth_server.token_endpoint, **options)


def test_unknown_keyword_is_refused_whatever_the_manager_accepts() -> None:
    """A typo of allowed_origins must not allow all origins."""

    class Accepting(UserManager):
        def __init__(self, **_: object) -> None:
            super().__init__("", "", "", {}, None)

    class AcceptingClient(Client):
        token_manager_class = Accepting

    wrong: dict[str, Any] = {"allowed_origin": ["https://api.example.com"]}
    removed: dict[str, Any] = {"origins": None}
    for options in (wrong, removed):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            AcceptingClient("id", "secret", **options)
