"""Arguments of `aiohttp.ClientSession` that a client takes for its own session."""

import asyncio
import ssl
import traceback
import warnings
from base64 import b64encode
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import trustme
from aiohttp import (
    BasicAuth,
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    CookieJar,
    DummyCookieJar,
    TCPConnector,
    TraceConfig,
)

from aioalf import Client, TokenConfigurationError, TokenConnectionError, TokenManager
from aioalf.caches import MemoryCache
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.test_auth_session import recording
from tests.client.test_lifecycle import loop_in_thread, server_in_thread
from tests.support.front import Resolver, api_log
from tests.support.http_proxy import HTTPProxy
from tests.support.tls import client_context, server_context

__all__ = ("loop_in_thread", "server_in_thread")

TOKEN_URL, API_URL = "http://auth.localhost/token", "http://api.localhost/things"

pytestmark = pytest.mark.filterwarnings(
    "ignore::aioalf.errors.InsecureTransportWarning",  # plain http to names below localhost
    "ignore:The 'proxy_auth' parameter:DeprecationWarning",  # by aiohttp 3.14
)


def make_client(server: OAuthServer, **options: Any) -> Client:
    """Create a client of the server."""
    return Client(server.client_id, server.client_secret, server.token_endpoint, **options)


def serialize(_: object) -> str:
    """Return a text, whatever the value is."""
    return "serialized"


async def get(client: Client, server: OAuthServer) -> ClientResponse:
    """Return the response of the API, already read."""
    response = await client.get(server.url("/things"))
    await response.read()
    return response


async def test_settings_apply_to_each_request_to_the_api(oauth_server: OAuthServer) -> None:
    """Whatever the method is: headers, cookies, serialization and traces. None is no setting."""
    urls = list[str]()
    client = make_client(
        oauth_server,
        headers={"X-Mine": "1", "User-Agent": "alf"},
        cookies={"mine": "1"},
        cookie_jar=lambda: CookieJar(unsafe=True),
        skip_auto_headers=["Accept"],
        json_serialize=serialize,
        trace_configs=[recording(urls)],
        timeout=None,
        proxy=None,
    )
    async with client:
        await get(client, oauth_server)
        async with client.post(oauth_server.url("/things"), json={"a": 1}) as response:
            assert (await response.json())["body"] == "serialized"
        async with client.ws_connect(oauth_server.url("/ws")):
            pass
    assert urls == [oauth_server.url(path) for path in ("/things", "/things", "/ws")]
    for request in api_log(oauth_server):
        assert request.headers["X-Mine"] == "1"
        assert request.headers["User-Agent"] == "alf"
        assert request.headers["Cookie"] == "mine=1"
        assert "Accept" not in request.headers
    [request] = [each for each in oauth_server.log if each.server == "authorization"]
    assert not {"X-Mine", "Cookie"} & set(request.headers)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_sizes_apply_to_responses_of_the_api(oauth_server: OAuthServer, method: str) -> None:
    """A server with long headers needs a larger limit than aiohttp's default."""
    oauth_server.challenge = f'Bearer realm="{"x" * 10_000}"'
    options = {"max_line_size": 20_000, "max_field_size": 20_000, "read_bufsize": 2**20}
    async with make_client(oauth_server, **options) as client:
        url = oauth_server.url("/things")
        async with client.request(method, url, headers={"X": "1"}) as response:
            assert response.status == 200
        oauth_server.revoke_all()
        async with client.request(method, url) as response:
            assert response.status == 200
    assert oauth_server.token_requests == 2


@pytest.mark.parametrize("requote", [True, False])
async def test_url_of_a_redirect_may_be_left_alone(
    oauth_server: OAuthServer, *, requote: bool
) -> None:
    """A signed URL, for example, must not be changed."""
    path = "/things?signature=a%2Cb"
    async with make_client(oauth_server, requote_redirect_url=requote) as client:
        to = {"to": oauth_server.url(path)}
        async with client.get(oauth_server.url("/redirect"), params=to) as response:
            assert response.status == 200
            assert response.url.raw_query_string == f"signature={'a,b' if requote else 'a%2Cb'}"


async def test_cookies_are_set_once(oauth_server: OAuthServer) -> None:
    """A cookie that was changed meanwhile is not set back by a request with another method."""
    jars = list[CookieJar]()

    def make_jar() -> CookieJar:
        jars.append(CookieJar(unsafe=True))
        return jars[-1]

    async with make_client(oauth_server, cookies={"mine": "1"}, cookie_jar=make_jar) as client:
        await get(client, oauth_server)
        [jar] = jars
        jar.update_cookies({"mine": "2"})
        await client.post(oauth_server.url("/things"))
        await get(client, oauth_server)
    assert [each.headers["Cookie"] for each in api_log(oauth_server)] == [
        *("mine=1", "mine=2", "mine=2")
    ]


async def test_later_changes_of_an_argument_have_no_effect(oauth_server: OAuthServer) -> None:
    """The client copies headers and lists, and does not change them."""
    headers, middlewares = {"X-Mine": "1"}, list[Any]()
    client = make_client(oauth_server, headers=headers, middlewares=middlewares)
    headers["X-Mine"] = "2"
    middlewares.append(None)
    async with client:
        await get(client, oauth_server)
    [request] = api_log(oauth_server)
    assert request.headers["X-Mine"] == "1"


@pytest.mark.rule("R056")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_raise_for_status_applies_after_the_renewal(
    oauth_server: OAuthServer, method: str
) -> None:
    """A 401 that a renewal resolves raises no error; a second 401 does."""
    async with make_client(oauth_server, raise_for_status=True) as client:
        for _ in range(2):
            await client.request(method, oauth_server.url("/things"))
            oauth_server.revoke_all()
        oauth_server.api_fault = Fault.status(401)
        with pytest.raises(ClientResponseError, match="401"):
            await client.request(method, oauth_server.url("/things"))


async def test_raise_for_status_may_be_a_coroutine_function(oauth_server: OAuthServer) -> None:
    """It also gets the error response of the token endpoint."""
    statuses = list[int]()

    async def check(response: ClientResponse) -> None:
        statuses.append(response.status)

    async with make_client(oauth_server, raise_for_status=check) as client:
        oauth_server.token_fault = Fault.body(b'{"error": "invalid_client"}', status=401)
        assert (await get(client, oauth_server)).status == 401
    assert statuses == [401]


async def test_timeout_covers_the_wait_for_a_token(oauth_server: OAuthServer) -> None:
    """It is the limit of a call, as with the timeout of a session of the caller."""
    options = {"timeout": ClientTimeout(total=0.1)}
    oauth_server.api_fault = Fault.slow(30)
    async with make_client(oauth_server, **options) as client:
        await client.token()
        with pytest.raises(TimeoutError):
            await client.post(oauth_server.url("/things"))
    oauth_server.token_fault = Fault.slow(30)
    async with make_client(oauth_server, **options) as client:
        with pytest.raises(TimeoutError):
            await client.get(oauth_server.url("/things"))
        with pytest.raises(TimeoutError):
            await client.ws_connect(oauth_server.url("/ws"))


async def test_middlewares_see_each_attempt_and_keep_their_order(
    oauth_server: OAuthServer,
) -> None:
    """They also see websockets. Middlewares of a call replace them, as in aiohttp."""
    seen = list[tuple[str, str, str]]()

    def named(name: str) -> Any:
        async def record(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
            seen.append((name, request.url.path, request.headers["Authorization"]))
            return await handler(request)

        return record

    options = {"middlewares": [named("one"), named("two")]}
    async with make_client(oauth_server, **options) as client:
        first = (await client.token()).access_token
        oauth_server.revoke_all()
        await get(client, oauth_server)
        second = (await client.token()).access_token
        async with client.ws_connect(oauth_server.url("/ws")):
            pass
        await client.get(oauth_server.url("/call"), middlewares=[named("three")])
    assert seen == [
        ("one", "/things", f"Bearer {first}"),
        ("two", "/things", f"Bearer {first}"),
        ("one", "/things", f"Bearer {second}"),
        ("two", "/things", f"Bearer {second}"),
        ("one", "/ws", f"Bearer {second}"),
        ("two", "/ws", f"Bearer {second}"),
        ("three", "/call", f"Bearer {second}"),
    ]


# Objects that need an event loop


class Connectors:
    """Makes connectors, and keeps them."""

    def __init__(self) -> None:
        self.made: list[TCPConnector] = []
        self.resolver = Resolver()

    def make(self) -> TCPConnector:
        """Make a connector."""
        self.made.append(TCPConnector(resolver=self.resolver))
        return self.made[-1]


@pytest.mark.rule("R078")
def test_functions_make_new_objects_in_each_event_loop(server_in_thread: OAuthServer) -> None:
    """A client that is made without an event loop is used in two of them."""
    connectors = Connectors()
    client = make_client(
        server_in_thread, connector=connectors.make, cookie_jar=DummyCookieJar, headers={"X-A": "1"}
    )

    async def use() -> tuple[int, bool]:
        async with client:
            response = await get(client, server_in_thread)
            await client.post(server_in_thread.url("/things"))
            return response.status, connectors.made[-1].closed

    assert [asyncio.run(use()) for _ in range(2)] == [(200, False)] * 2
    assert [connector.closed for connector in connectors.made] == [True, True]
    assert all(request.headers["X-A"] == "1" for request in api_log(server_in_thread))


async def test_connector_is_used_and_closed_with_the_client(oauth_server: OAuthServer) -> None:
    """For requests with any method; token requests do not use it."""
    connectors = Connectors()
    url = oauth_server.url("/things").replace("127.0.0.1", "api.localhost")
    async with make_client(oauth_server, connector=connectors.make()) as client:
        for method in ("GET", "POST"):
            async with client.request(method, url) as response:
                assert response.status == 200
        assert not connectors.made[0].closed
    assert connectors.made[0].closed
    assert set(connectors.resolver.asked) == {"api.localhost"}


@pytest.mark.rule("R077")
async def test_connector_stays_open_without_an_owner(oauth_server: OAuthServer) -> None:
    """Clients can share it, and a client can be opened again."""
    connector = TCPConnector()
    options = {"connector": connector, "connector_owner": False}
    client = make_client(oauth_server, **options)
    for each in (client, make_client(oauth_server, **options), client):
        async with each:
            assert (await get(each, oauth_server)).status == 200
        assert not connector.closed
    await connector.close()


async def test_closed_connector_is_reported(oauth_server: OAuthServer) -> None:
    """The error says what to pass instead, and no request is sent."""
    client = make_client(oauth_server, connector=TCPConnector())
    async with client:
        await get(client, oauth_server)
    async with client:
        for way in (client.get, client.ws_connect):
            with pytest.raises(TokenConfigurationError, match="is closed: pass a function"):
                await way(oauth_server.url("/things"))
    assert oauth_server.api_requests == 1


@pytest.mark.rule("R078")
def test_connector_of_another_event_loop_is_reported(server_in_thread: OAuthServer) -> None:
    """The error says what to pass instead, and nothing is left open."""

    async def make_connector() -> TCPConnector:
        return TCPConnector()

    connector = asyncio.run(make_connector())
    client = make_client(server_in_thread, connector=connector)

    async def use() -> None:
        async with client:
            for _ in range(2):
                with pytest.raises(TokenConfigurationError, match="belongs to another event loop"):
                    await client.get(server_in_thread.url("/things"))

    asyncio.run(use())
    assert server_in_thread.api_requests == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"connector": object}, "passed as connector must return an aiohttp BaseConnector"),
        ({"cookie_jar": dict}, "passed as cookie_jar must return an aiohttp AbstractCookieJar"),
    ],
)
async def test_wrong_result_of_a_function_is_reported(
    oauth_server: OAuthServer, options: Any, said: str
) -> None:
    """It is noticed when the session is made, before a request is sent."""
    async with make_client(oauth_server, **options) as client:
        with pytest.raises(TokenConfigurationError, match=said):
            await client.get(oauth_server.url("/things"))
    assert oauth_server.log == []


# The connection to the authorization server


INTROSPECTION_URL, REVOCATION_URL = "http://127.0.0.1:1/introspect", "http://127.0.0.1:1/revoke"


@pytest.fixture(params=["proxy", "trust_env"])
async def proxied(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[HTTPProxy, dict[str, Any]]]:
    """Yield a proxy, and the options of clients that use it."""
    endpoints = {
        "introspection_endpoint": INTROSPECTION_URL,
        "revocation_endpoint": REVOCATION_URL,
    }
    options = {"token_endpoint": TOKEN_URL, "endpoints": endpoints, "cache": MemoryCache()}
    async with HTTPProxy() as proxy:
        if request.param == "proxy":
            yield proxy, {**options, "proxy": proxy.url}
            return
        monkeypatch.setenv("http_proxy", proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield proxy, {**options, "trust_env": True}


async def test_token_requests_use_the_proxy_of_the_settings(
    proxied: tuple[HTTPProxy, dict[str, Any]],
) -> None:
    """The first use of a client may be a request."""
    proxy, options = proxied
    async with Client("client-id", "secret", **options) as client:
        await client.get(API_URL)
    assert proxy.requested == [TOKEN_URL, API_URL]


def credentials(user: str, password: str, encoding: str = "latin1") -> BasicAuth:
    """Return credentials for a proxy. aiohttp 3.14 warns about this class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return BasicAuth(user, password, encoding)


@pytest.mark.parametrize(
    ("user", "password", "encoding"),
    [
        ("user", "p/ss:w@rd%41", "latin1"),
        ("", "password", "latin1"),
        ("user", "", "latin1"),
        ("usér", "pässword", "latin1"),
        ("usér", "password-€", "utf-8"),
    ],
)
async def test_all_requests_send_the_credentials_of_the_proxy(
    user: str, password: str, encoding: str
) -> None:
    """Requests to the API with any method, and those to the authorization server."""
    auth = credentials(user, password, encoding)
    pair = b64encode(f"{user}:{password}".encode(encoding)).decode()
    async with HTTPProxy() as proxy:
        # Old versions of aiohttp send them once for each connection.
        connect = partial(TCPConnector, force_close=True)
        options: dict[str, Any] = {"proxy": proxy.url, "proxy_auth": auth, "connector": connect}
        endpoints = {"introspection_endpoint": INTROSPECTION_URL}
        async with Client(
            "client-id", "secret", TOKEN_URL, endpoints=endpoints, **options
        ) as client:
            await client.get(API_URL)
            await client.post(API_URL)
            await client.introspect("abc")
    assert proxy.requested == [TOKEN_URL, API_URL, API_URL, INTROSPECTION_URL]
    assert [each["Proxy-Authorization"] for each in proxy.headers] == [f"Basic {pair}"] * 4


async def test_credentials_are_for_the_proxy_of_a_call_as_well() -> None:
    """As in aiohttp. Token requests do not send them to another proxy."""
    options: dict[str, Any] = {"proxy_auth": credentials("user", "password")}
    async with HTTPProxy() as of_tokens, HTTPProxy() as of_call:
        options["http_options"] = {"proxy": of_tokens.url}
        async with Client("client-id", "secret", TOKEN_URL, **options) as client:
            await client.get(API_URL, proxy=of_call.url)
        [token_request], [request] = of_tokens.headers, of_call.headers
    assert "Proxy-Authorization" not in token_request
    assert request["Proxy-Authorization"] == "Basic dXNlcjpwYXNzd29yZA=="


@pytest.mark.rule("R063")
async def test_credentials_of_the_proxy_are_not_shown(oauth_server: OAuthServer) -> None:
    """Neither in the error of a request, nor in local variables of aiohttp."""

    def make(**options: Any) -> Client:
        return make_client(oauth_server, proxy_auth=credentials("user", "hunter2"), **options)

    async with make(proxy="http://127.0.0.1:1") as client, make() as api:
        for call in (
            client.get(API_URL),
            client.token(),
            api.get(API_URL, proxy="http://127.0.0.1:1"),
            api.post(API_URL, proxy="http://127.0.0.1:1"),
        ):
            with pytest.raises(ClientError) as caught:
                await call
            error = caught.value
            report = traceback.TracebackException.from_exception(error, capture_locals=True)
            assert "hunter2" not in "".join([*report.format(), repr(error)])


@pytest.mark.rule("R063")
async def test_settings_are_not_shown_if_the_session_cannot_be_made(
    oauth_server: OAuthServer,
) -> None:
    """They are in local variables while a function makes the connector."""

    def fail() -> TCPConnector:
        raise LookupError

    client = make_client(
        oauth_server,
        connector=fail,
        headers={"X-Api-Key": "hunter2"},
        proxy="http://user:hunter2@proxy.example.com",
    )
    async with client:
        for method in ("GET", "POST"):
            with pytest.raises(LookupError) as caught:
                await client.request(method, API_URL)
            report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
            assert "hunter2" not in "".join(report.format())


async def test_other_requests_to_the_server_use_the_proxy_of_the_settings(
    proxied: tuple[HTTPProxy, dict[str, Any]],
) -> None:
    """The first use of a client may be another method."""
    proxy, options = proxied
    async with Client("client-id", "secret", **options) as client:
        await client.token()
    async with Client("client-id", "secret", **options) as client:
        assert (await client.introspect("abc"))["active"] is True
    async with Client("client-id", "secret", **options) as client:
        await client.logout()
    assert proxy.requested == [TOKEN_URL, INTROSPECTION_URL, REVOCATION_URL]


async def test_closed_client_can_log_out(proxied: tuple[HTTPProxy, dict[str, Any]]) -> None:
    """The settings of its session are known from earlier, and no session is made."""
    proxy, options = proxied
    async with Client("client-id", "secret", **options) as client:
        await client.token()
    await client.logout()
    assert proxy.requested == [TOKEN_URL, REVOCATION_URL]


async def test_client_without_such_settings_opens_no_session_for_its_token(
    oauth_server: OAuthServer,
) -> None:
    """A client that only introspects or reads tokens leaves nothing to close."""
    endpoints = {"introspection_endpoint": oauth_server.introspection_endpoint}
    client = make_client(oauth_server, headers={"X-Mine": "1"}, endpoints=endpoints)
    await client.token()
    await client.introspect("abc")
    await client.logout()
    assert oauth_server.token_requests == 1


async def test_token_requests_use_verifying_tls_settings_of_the_connector() -> None:
    """A private authority is trusted; without verification the client secret is not sent."""
    authority = trustme.CA()
    contexts: dict[str, ssl.SSLContext | bool] = {
        "trusted": client_context(authority),
        "unverified": False,
    }
    async with OAuthServer(ssl_context=server_context(authority)) as server:
        for name, context in contexts.items():
            connector = TCPConnector(ssl=context)
            async with make_client(server, connector=connector) as client:
                if name == "trusted":
                    assert (await get(client, server)).status == 200
                    continue
                with pytest.raises(TokenConnectionError, match="certificate"):
                    await client.token()
        assert server.token_requests == 1


# Refusals, without an event loop


def test_arguments_of_a_session_contradict_a_session(server_in_thread: OAuthServer) -> None:
    """The error names them, whatever their values are."""

    async def create() -> None:
        async with ClientSession() as session:
            with pytest.raises(TokenConfigurationError, match="base_url, trust_env cannot be used"):
                make_client(
                    server_in_thread,
                    session=session,
                    base_url="https://api.example.com/",
                    trust_env=False,
                    timeout=None,
                )

    asyncio.run(create())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"session": "session"}, "session must be an aiohttp.ClientSession, not str"),
        ({"session": ClientSession}, "session must be an aiohttp.ClientSession, not type"),
        ({"session": lambda: None}, "session must be an aiohttp.ClientSession, not function"),
        ({"headers": 5}, "headers must be a mapping of names to values"),
        ({"headers": {"authorization": "x"}}, "headers must not contain Authorization"),
        (
            {"headers": {"x-token": "x"}, "token_header": "X-Token"},
            "headers must not contain X-Token",
        ),
        ({"cookies": "a=b"}, "cookies must be a mapping of names to values, not str"),
        ({"skip_auto_headers": "Accept"}, "skip_auto_headers must be a list of names, not str"),
        ({"skip_auto_headers": [5]}, "skip_auto_headers must be a list of names, not int"),
        ({"timeout": 10}, "timeout must be an aiohttp.ClientTimeout, not int"),
        ({"trust_env": "yes"}, "trust_env must be True or False, not str"),
        ({"proxy": 5}, "proxy must be an http or https URL"),
        ({"proxy": "proxy:3128"}, "proxy must be an http or https URL"),
        ({"proxy": "socks5://ada:hidden@proxy.example"}, "proxy must be an http or https URL"),
        ({"proxy": "http://[hidden"}, "proxy must be an http or https URL"),
        ({"proxy": "http://hidden:€@proxy.example"}, "not one with a user or password that is not"),
        (
            {"proxy_auth": ("user", "hidden")},
            "proxy_auth must be an aiohttp.BasicAuth .*, not tuple",
        ),
        ({"proxy_auth": credentials("hidden", "€")}, "with characters of its encoding"),
        ({"proxy_auth": credentials("hidden", "", "x-none")}, "with characters of its encoding"),
        ({"raise_for_status": "yes"}, "raise_for_status must be True, False or a coroutine"),
        ({"json_serialize": "json"}, "json_serialize must be a function, not str"),
        ({"trace_configs": ["x"]}, "trace_configs must be a list of aiohttp.TraceConfig, not str"),
        ({"trace_configs": TraceConfig()}, "trace_configs must be a list of aiohttp.TraceConfig"),
        ({"cookie_jar": "jar"}, "cookie_jar must be an aiohttp.CookieJar, or a function"),
        ({"connector": 5}, "connector must be an aiohttp connector, or a function that makes one"),
        ({"connector_owner": "me"}, "connector_owner must be True or False, not str"),
        ({"auto_decompress": 1}, "auto_decompress must be True or False, not int"),
        ({"requote_redirect_url": 0}, "requote_redirect_url must be True or False, not int"),
        ({"read_bufsize": 0}, "read_bufsize must be a whole number of bytes above 0"),
        ({"max_line_size": True}, "max_line_size must be a whole number of bytes above 0"),
        ({"max_field_size": "8k"}, "max_field_size must be a whole number of bytes above 0"),
        ({"middlewares": print}, "middlewares must be a list of functions"),
        ({"middlewares": ["x"]}, "middlewares must be a list of functions, not str"),
    ],
)
def test_unusable_argument_of_a_session_is_refused(options: Any, said: str) -> None:
    """The error names the option when the client is made, and shows no secret."""
    with pytest.raises(TokenConfigurationError, match=said) as caught:
        Client("client-id", "secret", TOKEN_URL, **options)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["base_urls", "proxys"])
def test_unknown_argument_is_a_type_error(name: str) -> None:
    """A misspelled option is not ignored."""
    options: Any = {name: None}
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        Client("client-id", "secret", TOKEN_URL, **options)


def test_manager_takes_no_argument_of_a_session() -> None:
    """It sends no requests to APIs."""
    options: Any = {"trace_configs": []}
    with pytest.raises(TypeError, match="unexpected keyword argument 'trace_configs'"):
        TokenManager(TOKEN_URL, "client-id", "secret", **options)
