"""The options ``auth_session`` and ``auth_trace_configs``: whose connections token requests use."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    TCPConnector,
    TraceConfig,
    TraceRequestStartParams,
)

from aioalf import Client
from aioalf.errors import TokenConfigurationError, TokenConnectionError, TokenHTTPError
from aioalf.manager import TokenManager
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import TOKEN, endpoint_at, error_of, request_token
from tests.support.front import Resolver, client_of
from tests.support.raw_server import RawServer, answer

pytestmark = pytest.mark.filterwarnings(
    "ignore::aioalf.errors.InsecureTransportWarning"  # plain http to names below localhost
)


async def refuse(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Fail: a middleware of the session must not see a token request."""
    raise AssertionError(f"{request.url} was seen by a middleware of the session")


def recording(urls: list[str]) -> TraceConfig:
    """Return a trace configuration that records the URL of each request."""

    async def record(_: ClientSession, __: SimpleNamespace, start: TraceRequestStartParams) -> None:
        urls.append(str(start.url))

    config = TraceConfig()
    config.on_request_start.append(record)
    return config


@pytest.mark.rule("R005")
async def test_connector_is_used_but_not_the_identity(oauth_server: OAuthServer) -> None:
    """Headers, cookies, middlewares, base_url and raise_for_status of the session are not used."""
    resolver, urls = Resolver(), list[str]()
    connector = TCPConnector(resolver=resolver)
    async with ClientSession(
        "http://127.0.0.1:1/",
        connector=connector,
        headers={"X-Session": "a", "Authorization": "Bearer x"},
        cookies={"session": "a"},
        raise_for_status=True,
        middlewares=[refuse],
        trace_configs=[recording(urls)],
    ) as session:
        url = oauth_server.token_endpoint.replace("127.0.0.1", "auth.localhost")
        endpoint = endpoint_at(url, auth_session=session)
        await request_token(endpoint)
        oauth_server.token_fault = Fault.status(503)
        assert isinstance(await error_of(endpoint), TokenHTTPError)
        assert not session.closed
        assert not connector.closed
    assert resolver.asked == ["auth.localhost"]
    assert urls == [url, url]
    for seen in oauth_server.log:
        assert not {"X-Session", "Cookie"} & set(seen.headers)
        assert seen.headers.getall("Authorization")[0].startswith("Basic ")


async def test_proxy_is_used() -> None:
    """The settings of other sessions are ignored."""
    async with (
        RawServer(answer(TOKEN)) as proxy,
        ClientSession(proxy=proxy.url) as session,
        ClientSession(proxy="http://127.0.0.1:1") as other,
    ):
        url = "http://auth.localhost/token"
        await request_token(endpoint_at(url, auth_session=session, session=other))
    assert proxy.requests[0].startswith(b"POST http://auth.localhost/token HTTP/1.1\r\n")


async def test_client_never_closes_it(oauth_server: OAuthServer) -> None:
    """It stays open after the client and its own session are closed."""
    async with ClientSession() as auth_session:
        async with (
            Client(
                "client-id", "secret", oauth_server.token_endpoint, auth_session=auth_session
            ) as client,
            client.get(oauth_server.url("/things")) as response,
        ):
            assert response.status == 200
        assert not auth_session.closed


def test_function_is_called_on_first_use_in_each_event_loop() -> None:
    """A manager can be made before an event loop runs, and be used in one after another."""
    sessions: list[ClientSession] = []

    def open_session() -> ClientSession:
        sessions.append(ClientSession())
        return sessions[-1]

    endpoint = endpoint_at("http://127.0.0.1:1/token", auth_session=open_session)
    assert sessions == []

    async def request_twice() -> None:
        for _ in range(2):
            assert isinstance(await error_of(endpoint), TokenConnectionError)
        await sessions[-1].close()

    asyncio.run(request_twice())
    asyncio.run(request_twice())
    assert len(sessions) == 2


async def test_closed_session_is_an_error() -> None:
    """The error says in which order to close."""
    async with ClientSession() as session:
        pass
    for auth_session in (session, lambda: session):
        error = await error_of(endpoint_at("http://a.localhost/token", auth_session=auth_session))
        assert isinstance(error, TokenConfigurationError)
        assert (
            str(error) == "The session passed as auth_session is closed: close it after the client"
        )


def test_session_of_another_event_loop_is_an_error() -> None:
    """The error says how to use several event loops."""

    async def open_session() -> ClientSession:
        return ClientSession()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        session = first.run(open_session())
        endpoint = endpoint_at("http://a.localhost/token", auth_session=session)
        error = second.run(error_of(endpoint))
        first.run(session.close())
    assert "belongs to another event loop: pass a function" in str(error)


async def test_failing_function_is_an_error() -> None:
    """The error names the exception or the type of the result."""

    def fail() -> ClientSession:
        raise KeyError

    for function, said in ((fail, "raised KeyError"), (list, "ClientSession, not list")):
        auth_session: Any = function
        error = await error_of(endpoint_at("http://a.localhost/token", auth_session=auth_session))
        assert isinstance(error, TokenConfigurationError)
        assert said in str(error)


async def test_session_closed_while_waiting_for_a_connection_is_an_error(
    oauth_server: OAuthServer,
) -> None:
    """The caller gets a TokenConnectionError; CancelledError is raised only if it was cancelled."""
    for is_cancelled in (False, True):
        session = ClientSession(connector=TCPConnector(limit=1))
        endpoint = endpoint_at(oauth_server.token_endpoint, auth_session=session)
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
            with pytest.raises(TokenConnectionError, match="was auth_session closed"):
                await waiting
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
    assert oauth_server.token_requests == 0


async def test_auth_trace_configs_see_only_requests_to_the_authorization_server(
    oauth_server: OAuthServer,
) -> None:
    """Those of auth_session see these requests as well."""
    ours, theirs = list[str](), list[str]()
    arguments = ("client-id", "secret", oauth_server.token_endpoint)
    async with (
        ClientSession(trace_configs=[recording(theirs)]) as auth_session,
        Client(*arguments, auth_trace_configs=[recording(ours)]) as client,
        Client(
            *arguments, auth_trace_configs=[recording(ours)], auth_session=auth_session
        ) as other,
    ):
        await client.get(oauth_server.url("/things"))
        await other.get(oauth_server.url("/things"))
    assert ours == [oauth_server.token_endpoint] * 2
    assert theirs == [oauth_server.token_endpoint]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"auth_session": "session"}, "ClientSession, or a function that returns one, not str"),
        ({"auth_session": ClientSession}, "auth_session must be an object, not a class"),
        (
            {"auth_trace_configs": TraceConfig()},
            "auth_trace_configs must be a Sequence, not TraceConfig",
        ),
        ({"auth_trace_configs": ["x"]}, "auth_trace_configs must be a list of aiohttp.TraceConfig"),
    ],
    ids=["text", "class", "no sequence", "other items"],
)
def test_invalid_option_is_refused(options: Any, said: str) -> None:
    """The error names the option when the object is created."""
    for create in (TokenManager, Client):
        with pytest.raises(TokenConfigurationError, match=said):
            create("https://auth.example.com/token", "client-id", "secret", **options)


async def test_session_of_a_client_has_no_influence_on_auth_session(
    oauth_server: OAuthServer,
) -> None:
    """A custom connector of the other session causes no warning and is not used."""
    async with (
        ClientSession() as auth_session,
        ClientSession(proxy="http://127.0.0.1:1") as session,
    ):
        manager = TokenManager(
            oauth_server.token_endpoint, "client-id", "secret", auth_session=auth_session
        )
        manager.use_session(session)
        assert await manager.get_token()
        client = client_of(oauth_server, auth_session)
        async with client, client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
