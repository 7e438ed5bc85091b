"""The connector and the proxy of token requests."""

import asyncio
import base64
import os
import traceback
import warnings
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, TCPConnector
from yarl import URL

from aioalf.errors import TokenConfigurationError, TokenConnectionError, TokenHTTPError
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


async def refuse(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Fail: a middleware of the session must not see a token request."""
    raise AssertionError(f"{request.url} was seen by a middleware of the session")


class CountingConnector(TCPConnector):
    """A connector that counts the requested connections."""

    requested = 0

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Count and connect."""
        self.requested += 1
        return await super().connect(*args, **kwargs)


async def test_session_provides_its_connector_but_not_its_identity(
    oauth_server: OAuthServer,
) -> None:
    """Headers, cookies, middlewares and raise_for_status of the session are not used."""
    connector = CountingConnector()
    async with ClientSession(
        connector=connector,
        headers={"X-Session": "a", "Authorization": "Bearer x"},
        cookies={"session": "a"},
        raise_for_status=True,
        middlewares=[refuse],
    ) as session:
        endpoint = endpoint_at(oauth_server.token_endpoint, network=lambda: session)
        await request_token(endpoint)
        oauth_server.token_fault = Fault.status(503)
        assert isinstance(await error_of(endpoint), TokenHTTPError)
        assert not session.closed
        assert not connector.closed
    assert connector.requested == 2
    for seen in oauth_server.log:
        assert not {"X-Session", "Cookie"} & set(seen.headers)
        assert seen.headers.getall("Authorization")[0].startswith("Basic ")


async def test_cookies_of_the_endpoint_are_not_stored(oauth_server: OAuthServer) -> None:
    """A token request does not send cookies of an earlier response."""
    fault = Fault.body(TOKEN, headers={"Set-Cookie": "session=a; Path=/"})
    oauth_server.token_fault = fault.times(1)
    async with ClientSession() as session:
        endpoint = endpoint_at(oauth_server.token_endpoint, network=lambda: session)
        await request_token(endpoint)
        await request_token(endpoint)
        assert not session.cookie_jar.filter_cookies(URL(oauth_server.token_endpoint))
    assert not any("Cookie" in seen.headers for seen in oauth_server.log)


async def test_closed_session_is_not_needed(oauth_server: OAuthServer) -> None:
    """Another user of the same manager still gets a token."""
    session = ClientSession()
    await session.close()
    assert (
        await request_token(endpoint_at(oauth_server.token_endpoint, network=lambda: session))
    ).is_valid()


async def test_session_closed_while_waiting_for_a_connection_is_an_error(
    oauth_server: OAuthServer,
) -> None:
    """The caller gets a TokenConnectionError; CancelledError is raised only if it was cancelled."""
    for is_cancelled in (False, True):
        session = ClientSession(connector=TCPConnector(limit=1))
        endpoint = endpoint_at(oauth_server.token_endpoint, network=lambda: session)  # noqa: B023 - used in this round only
        oauth_server.faults["api"] = Fault.slow(60)
        busy = asyncio.create_task(session.get(oauth_server.url("/things")))
        await oauth_server.reached(api_requests=1 + is_cancelled)
        waiting = asyncio.create_task(request_token(endpoint))
        await asyncio.sleep(0.05)
        if is_cancelled:
            waiting.cancel()
        await session.close()
        if is_cancelled:
            with pytest.raises(asyncio.CancelledError):
                await waiting
        else:
            with pytest.raises(TokenConnectionError, match="the session was closed"):
                await waiting
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
    assert oauth_server.token_requests == 0


async def test_proxy_of_the_session_is_used() -> None:
    """A token request goes through the proxy of the session."""
    async with (
        RawServer(answer(TOKEN)) as proxy,
        ClientSession(proxy=proxy.url) as session,
    ):
        await request_token(endpoint_at("http://auth.localhost/token", network=lambda: session))
        assert proxy.requests[0].startswith(b"POST http://auth.localhost/token HTTP/1.1\r\n")


async def test_proxy_credentials_of_the_session_are_used() -> None:
    """Separate proxy credentials, which aiohttp 3.14 deprecates, are used."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(RawServer(answer(TOKEN)))
        session = await stack.enter_async_context(ClientSession(proxy=proxy.url))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # by aiohttp 3.14
            from aiohttp import BasicAuth  # noqa: PLC0415 - the import warns

            session._default_proxy_auth = BasicAuth("user", "password")  # noqa: SLF001 - see above
            await request_token(endpoint_at("http://auth.localhost/token", network=lambda: session))
        assert b"Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA==" in proxy.requests[0]


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
        await request_token(endpoint_at("http://auth.localhost/token", network=lambda: session))
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
        error = await error_of(endpoint_at("https://auth.localhost/token", network=lambda: session))
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
        await request_token(endpoint_at("http://auth.localhost/token", network=lambda: session))
    assert b"Proxy-Authorization" not in proxy.requests[0]


async def test_no_proxy_is_respected(oauth_server: OAuthServer, environment: Environment) -> None:
    """A host in ``NO_PROXY`` is requested directly, and without netrc credentials."""
    async with RawServer(answer(TOKEN)) as proxy, ClientSession(trust_env=True) as session:
        environment.set_proxies(HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1")
        environment.add_netrc("127.0.0.1", "somebody", "else")
        await request_token(endpoint_at(oauth_server.token_endpoint, network=lambda: session))
    assert not proxy.requests
    assert only_request(oauth_server).headers["Authorization"] == (
        basic("client-id:secret").decode()
    )


async def test_session_may_be_closed_while_its_proxy_is_looked_up(
    oauth_server: OAuthServer, environment: Environment
) -> None:
    """The token request then uses a new session."""
    async with ClientSession(trust_env=True) as session:
        waiting = asyncio.create_task(
            request_token(endpoint_at(oauth_server.token_endpoint, network=lambda: session))
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
        await request_token(endpoint_at(ours.url, network=lambda: session))
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
        error = await error_of(endpoint_at("http://auth.localhost/token", network=lambda: session))
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
