"""The connection of token requests, and the settings of the session that API requests use."""

import asyncio
import base64
import os
import traceback
import warnings
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import (
    BasicAuth,
    ClientConnectorError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    TCPConnector,
    UnixConnector,
)
from yarl import URL

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.errors import TokenConfigurationError, TokenHTTPError
from aioalf.manager import TokenManager
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import (
    TOKEN,
    endpoint_at,
    error_of,
    only_request,
    request_token,
)
from tests.support.raw_server import RawServer, answer

pytestmark = pytest.mark.filterwarnings("ignore::aioalf.errors.InsecureTransportWarning")


class UnusableConnector(TCPConnector):
    """A custom connector that refuses to connect."""

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Fail."""
        raise AssertionError("a token request used the connector of the session")


@pytest.mark.rule("R005")
async def test_connector_and_identity_of_the_session_are_not_used(
    oauth_server: OAuthServer,
) -> None:
    """Nor are its headers, cookies, middlewares, base_url and raise_for_status."""

    async def refuse(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        raise AssertionError(f"{request.url} was seen by a middleware of the session")

    async with ClientSession(
        "http://127.0.0.1:1/",
        connector=UnusableConnector(),
        headers={"X-Session": "a", "Authorization": "Bearer x"},
        cookies={"session": "a"},
        raise_for_status=True,
        middlewares=[refuse],
    ) as session:
        endpoint = endpoint_at(oauth_server.token_endpoint, session=session)
        await request_token(endpoint)
        oauth_server.token_fault = Fault.status(503)
        assert isinstance(await error_of(endpoint), TokenHTTPError)
        assert not session.closed
    for seen in oauth_server.log:
        assert not {"X-Session", "Cookie"} & set(seen.headers)
        assert seen.headers.getall("Authorization")[0].startswith("Basic ")


async def test_each_request_has_its_own_connection() -> None:
    """No connection is used that the server, which also has the API, may just be closing."""
    events: asyncio.Queue[str] = asyncio.Queue()
    kept_alive = answer(TOKEN).replace(b"Connection: close\r\n", b"")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST"):
            await reader.readuntil(b"grant_type=client_credentials")
        writer.write(kept_alive)
        events.put_nowait("answered")
        assert await reader.read() == b"", "a second request on the connection"
        events.put_nowait("closed by the client")
        writer.close()

    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as server,
        ClientSession() as session,
    ):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        endpoint = endpoint_at(url, session=session)
        async with session.get(url) as response:
            await response.read()
        assert await asyncio.wait_for(events.get(), 5) == "answered"
        for _ in range(3):
            await request_token(endpoint)
            assert await asyncio.wait_for(events.get(), 5) == "answered"
            assert await asyncio.wait_for(events.get(), 5) == "closed by the client"


async def test_custom_connector_causes_one_warning(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning names the class and the option that uses it; aiohttp's classes cause none."""
    manager = TokenManager(oauth_server.token_endpoint, "client-id", "secret")
    for connector in (TCPConnector(), UnixConnector("/nowhere")):
        async with ClientSession(connector=connector) as session:
            manager.use_session(session)
    assert caplog.messages == []
    for _ in range(2):
        async with ClientSession(connector=UnusableConnector()) as session:
            manager.use_session(session)
            manager.with_options(scope="a").use_session(session)
    [message] = caplog.messages
    assert "UnusableConnector" in message
    assert "auth_session" in message


async def test_cookies_of_the_endpoint_are_not_stored(oauth_server: OAuthServer) -> None:
    """A token request does not send cookies of an earlier response."""
    fault = Fault.body(TOKEN, headers={"Set-Cookie": "session=a; Path=/"})
    oauth_server.token_fault = fault.times(1)
    async with ClientSession() as session:
        endpoint = endpoint_at(oauth_server.token_endpoint, session=session)
        await request_token(endpoint)
        await request_token(endpoint)
        assert not session.cookie_jar.filter_cookies(URL(oauth_server.token_endpoint))
    assert not any("Cookie" in seen.headers for seen in oauth_server.log)


async def test_closed_session_changes_no_settings(oauth_server: OAuthServer) -> None:
    """Aiohttp removes the connector of a closed session, so earlier settings are kept."""
    async with RawServer(answer(TOKEN)) as proxy:
        async with ClientSession(proxy=proxy.url) as session:
            endpoint = endpoint_at("http://auth.localhost/token", session=session)
        async with ClientSession() as closed:
            pass
        endpoint.use_session(closed)
        await request_token(endpoint)
        assert len(proxy.requests) == 1


def test_settings_of_a_session_of_another_event_loop_are_used() -> None:
    """Settings are values, which belong to no event loop."""

    async def settle(endpoint: TokenEndpoint) -> None:
        async with ClientSession(trust_env=True) as session:
            endpoint.use_session(session)

    async def request() -> None:
        async with RawServer(answer(TOKEN)) as server:
            endpoint = endpoint_at(server.url)
            await asyncio.to_thread(asyncio.run, settle(endpoint))
            await request_token(endpoint)

    asyncio.run(request())


async def test_proxy_of_the_session_is_used() -> None:
    """A token request goes through the proxy of the session."""
    async with (
        RawServer(answer(TOKEN)) as proxy,
        ClientSession(proxy=proxy.url) as session,
    ):
        await request_token(endpoint_at("http://auth.localhost/token", session=session))
        assert proxy.requests[0].startswith(b"POST http://auth.localhost/token HTTP/1.1\r\n")


def basic_auth(password: str, encoding: str) -> BasicAuth:
    """Return credentials for a proxy. aiohttp 3.14 warns about this class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return BasicAuth("user", password, encoding)


async def test_proxy_credentials_of_the_session_are_used() -> None:
    """Separate proxy credentials, which aiohttp 3.14 deprecates, are used."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(RawServer(answer(TOKEN)))
        session = await stack.enter_async_context(ClientSession(proxy=proxy.url))
        session._default_proxy_auth = basic_auth("password", "latin1")  # noqa: SLF001 - the argument warns
        await request_token(endpoint_at("http://auth.localhost/token", session=session))
        assert b"Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA==" in proxy.requests[0]


@pytest.mark.rule("R063")
@pytest.mark.parametrize(
    ("proxy", "auth"),
    [
        ("http://user:hunter2€@127.0.0.1:1", None),
        ("http://127.0.0.1:1", basic_auth("hunter2€", "latin-1")),
        ("http://127.0.0.1:1", basic_auth("hunter2", "unknown")),
        ("http://user:hunter2@[127", None),
    ],
    ids=["URL", "latin-1", "encoding", "malformed"],
)
async def test_proxy_credentials_that_cannot_be_sent_are_not_shown(
    proxy: str, auth: BasicAuth | None
) -> None:
    """The error says that a URL is malformed; aiohttp's own error would show the password."""
    async with ClientSession(proxy=proxy) as session:
        session._default_proxy_auth = auth  # noqa: SLF001 - the argument warns
        error = await error_of(endpoint_at("http://auth.localhost/token", session=session))
    assert isinstance(error, TokenConfigurationError)
    assert "such as the proxy, is malformed" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.mark.filterwarnings("ignore:The 'proxy_auth' parameter:DeprecationWarning")
async def test_unknown_encoding_of_an_option_is_a_token_error() -> None:
    """Aiohttp raises a LookupError for it when it sends the request."""
    options = {"proxy": "http://127.0.0.1:1", "proxy_auth": basic_auth("hunter2", "unknown")}
    error = await error_of(endpoint_at("http://auth.localhost/token", options))
    assert isinstance(error, TokenConfigurationError)
    assert "look at http_options: LookupError: unknown encoding: unknown" in str(error)


class Environment:
    """The environment of a session with ``trust_env``: proxy variables and a netrc file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, netrc: Path) -> None:
        for name in os.environ:
            if name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        self._set, self._netrc = monkeypatch.setenv, netrc

    def set_proxies(self, **proxies: str) -> None:
        """Set variables such as ``HTTP_PROXY``."""
        for name, value in proxies.items():
            self._set(name, value)

    def add_netrc(self, host: str, login: str, password: str) -> None:
        """Write the credentials for a host to the netrc file."""
        self._netrc.write_text(f"machine {host} login {login} password {password}\n")
        self._set("NETRC", str(self._netrc))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """An environment without proxies and without a netrc file."""
    return Environment(monkeypatch, tmp_path / "netrc")


def basic(credentials: str) -> bytes:
    """Return the value of an HTTP Basic header."""
    return b"Basic " + base64.b64encode(credentials.encode("latin-1"))


@pytest.mark.rule("R005")
async def test_environment_provides_the_proxy_but_not_the_identity(
    environment: Environment,
) -> None:
    """Credentials in netrc for the token endpoint are not sent."""
    async with RawServer(answer(TOKEN)) as proxy, ClientSession(trust_env=True) as session:
        environment.set_proxies(HTTP_PROXY=proxy.url.replace("//", "//user:p%2Fss%40%C3%A4@"))
        environment.add_netrc("auth.localhost", "somebody", "else")
        await request_token(endpoint_at("http://auth.localhost/token", session=session))
    [request] = proxy.requests
    assert request.startswith(b"POST http://auth.localhost/token HTTP/1.1\r\n")
    assert b"\r\nAuthorization: %b\r\n" % basic("client-id:secret") in request
    assert b"\r\nProxy-Authorization: %b\r\n" % basic("user:p/ss@ä") in request
    assert basic("somebody:else") not in request


async def test_netrc_credentials_for_the_proxy_are_used(environment: Environment) -> None:
    """Credentials in netrc for the proxy are sent to the proxy only."""
    refusal = answer(b"", status="407 Proxy Authentication Required")
    async with RawServer(refusal) as proxy, ClientSession(trust_env=True) as session:
        environment.set_proxies(HTTPS_PROXY=proxy.url)
        environment.add_netrc("127.0.0.1", "me", "here")
        error = await error_of(endpoint_at("https://auth.localhost/token", session=session))
    assert "the proxy answered 407" in str(error)
    [request] = proxy.requests
    assert request.startswith(b"CONNECT auth.localhost:443 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: %b\r\n" % basic("me:here") in request
    assert b"\r\nAuthorization:" not in request


async def test_proxy_without_credentials_gets_none(
    environment: Environment,
) -> None:
    """No Proxy-Authorization header is sent to a proxy without credentials."""
    async with RawServer(answer(TOKEN)) as proxy, ClientSession(trust_env=True) as session:
        environment.set_proxies(HTTP_PROXY=proxy.url, NO_PROXY="api.localhost")
        await request_token(endpoint_at("http://auth.localhost/token", session=session))
    assert b"Proxy-Authorization" not in proxy.requests[0]


async def test_no_proxy_is_respected(oauth_server: OAuthServer, environment: Environment) -> None:
    """A host in ``NO_PROXY`` is requested directly, and without netrc credentials."""
    async with RawServer(answer(TOKEN)) as proxy, ClientSession(trust_env=True) as session:
        environment.set_proxies(HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1")
        environment.add_netrc("127.0.0.1", "somebody", "else")
        await request_token(endpoint_at(oauth_server.token_endpoint, session=session))
    assert not proxy.requests
    assert only_request(oauth_server).headers["Authorization"] == (
        basic("client-id:secret").decode()
    )


@pytest.mark.usefixtures("environment")
async def test_session_may_be_closed_while_its_proxy_is_looked_up(
    oauth_server: OAuthServer,
) -> None:
    """The token request has its own connection."""
    async with ClientSession(trust_env=True) as session:
        waiting = asyncio.create_task(
            request_token(endpoint_at(oauth_server.token_endpoint, session=session))
        )
        await asyncio.sleep(0)
    assert (await waiting).is_valid()


@pytest.mark.parametrize("trust_env", [False, True])
async def test_proxy_of_the_session_overrides_the_environment(
    *, environment: Environment, trust_env: bool
) -> None:
    """Proxy variables are not used without ``trust_env``, or if the session has a proxy."""
    async with (
        RawServer(answer(TOKEN)) as theirs,
        RawServer(answer(TOKEN)) as ours,
        ClientSession(trust_env=trust_env, proxy=ours.url if trust_env else None) as session,
    ):
        environment.set_proxies(HTTP_PROXY=theirs.url)
        await request_token(endpoint_at(ours.url, session=session))
        assert not theirs.requests
        assert len(ours.requests) == 1


@pytest.mark.rule("R063")
@pytest.mark.parametrize("proxy", ["http://user:hunter2@[bad", "http://user:hunter2@a℀b"])
async def test_malformed_proxy_of_the_environment_is_not_shown(
    environment: Environment, proxy: str
) -> None:
    """The URL of a proxy may contain a password."""
    environment.set_proxies(HTTP_PROXY=proxy)
    async with ClientSession(trust_env=True) as session:
        error = await error_of(endpoint_at("http://auth.localhost/token", session=session))
    assert isinstance(error, TokenConfigurationError)
    assert "environment" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.mark.rule("R063")
async def test_malformed_proxy_is_not_shown() -> None:
    """The URL of a proxy may contain a password."""
    manager = TokenManager(
        "https://auth.example.com/token",
        "id",
        "secret",
        http_options={"proxy": "http://user:hunter2@[bad"},
    )
    with pytest.raises(TokenConfigurationError, match="malformed") as caught:
        await manager.get_token()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.rule("R063")
async def test_password_of_a_proxy_is_not_in_the_cause() -> None:
    """The connection key of aiohttp's errors holds the URL of the proxy."""
    async with RawServer(b"HTTP/1.1 200 OK\r\n\r\n", b"not TLS") as proxy:
        options = {"proxy": proxy.url.replace("//", "//user:hunter2@")}
        error = await error_of(endpoint_at("https://auth.localhost/token", options))
    assert isinstance(error.__cause__, ClientConnectorError)
    assert "hunter2" not in repr(error) + repr(error.__cause__)


async def test_proxy_of_http_options_overrides_the_session(environment: Environment) -> None:
    """The proxy of the session gets no request, and its credentials are not sent to the other."""
    environment.set_proxies(HTTP_PROXY="http://user:hunter2@[bad")
    async with (
        RawServer(answer(TOKEN)) as theirs,
        RawServer(answer(TOKEN)) as ours,
    ):
        for session in (
            ClientSession(proxy=theirs.url.replace("//", "//user:hunter2@")),
            ClientSession(trust_env=True),
        ):
            async with session:
                await request_token(
                    endpoint_at("http://auth.localhost/token", {"proxy": ours.url}, session=session)
                )
    assert theirs.requests == []
    assert len(ours.requests) == 2
    assert not any(b"Proxy-Authorization" in request for request in ours.requests)
