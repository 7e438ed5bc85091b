"""The server as a whole: how it starts and ends, what it counts, what it may import."""

import ast
import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType

import aioalf.testing
from aioalf.testing import Exchange, Fault, OAuthServer
from tests.testing.plain_client import ask_token, basic, bearer, new_token, send


async def test_every_origin_has_a_port_of_its_own(oauth_server: OAuthServer) -> None:
    """Three origins, on loopback, as their URLs say."""
    urls = (oauth_server.token_endpoint, oauth_server.api_url, oauth_server.other_url)
    assert {urlsplit(url).hostname for url in urls} == {"127.0.0.1"}
    assert len({urlsplit(url).port for url in urls}) == 3
    assert oauth_server.authorization_endpoint.removesuffix("/authorize") == (
        oauth_server.token_endpoint.removesuffix("/token")
    )
    assert oauth_server.url("/things") == oauth_server.api_url + "/things"


async def test_start_and_close_do_without_a_with_block(session: ClientSession) -> None:
    """A server that was closed can be started again; closing one twice does no harm."""
    server = OAuthServer()
    for _ in range(2):
        await server.start()
        assert (await ask_token(session, server)).status == 200
        await server.close()
        await server.close()


async def test_starting_twice_is_a_mistake(oauth_server: OAuthServer) -> None:
    """A running server is not started again."""
    with pytest.raises(RuntimeError, match="started already"):
        await oauth_server.start()


@pytest.mark.parametrize(
    "url", ["issuer", "token_endpoint", "authorization_endpoint", "api_url", "other_url"]
)
def test_a_server_that_does_not_run_has_no_urls(url: str) -> None:
    """The error says what to do."""
    with pytest.raises(RuntimeError, match="use `async with`, or `start"):
        getattr(OAuthServer(), url)


async def test_a_start_that_fails_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was listening already is closed, and the server can be started later."""
    server, bind = OAuthServer(), asyncio.get_running_loop().create_server
    bound: list[asyncio.Server] = []

    async def only_once(*args: object, **kwargs: object) -> asyncio.Server:
        if bound:
            raise OSError("no port")
        bound.append(await bind(*args, **kwargs))  # type: ignore[call-overload]
        return bound[0]

    monkeypatch.setattr(asyncio.get_running_loop(), "create_server", only_once)
    with pytest.raises(OSError, match="no port"):
        await server.start()
    assert not bound[0].is_serving()
    monkeypatch.undo()
    await server.start()
    await server.close()


async def test_close_does_not_wait_for_slow_answers(session: ClientSession) -> None:
    """Requests that are being answered end at once, and no task is left."""
    tasks_before = asyncio.all_tasks()
    server = OAuthServer(token_fault=Fault.slow(math.inf), api_fault=Fault.slow(60))
    await server.start()
    url = server.url("/")
    waiting = [
        asyncio.create_task(ask_token(session, server)),
        asyncio.create_task(send(session, "POST", url)),
    ]
    await server.reached(token_requests=1, api_requests=1)
    before = time.monotonic()
    await server.close()
    assert time.monotonic() - before < 1
    assert asyncio.all_tasks() - tasks_before - set(waiting) == set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(outcome, ClientError) for outcome in outcomes] == [True, True]
    assert [exchange.status for exchange in server.log] == [None, None]
    with pytest.raises(ClientError):
        await session.get(url)


@asynccontextmanager
async def connected(
    session: ClientSession, server: OAuthServer
) -> AsyncGenerator[ClientWebSocketResponse]:
    """A websocket to the API."""
    headers = bearer(await new_token(session, server))
    async with session.ws_connect(server.url("/ws"), headers=headers) as socket:
        yield socket


async def test_close_ends_websockets_and_idle_connections(session: ClientSession) -> None:
    """What a client keeps open does not keep the server."""
    async with OAuthServer() as server, connected(session, server) as socket:
        await socket.send_str("x")
        await socket.receive_str()
        before = time.monotonic()
        await server.close()
        assert time.monotonic() - before < 1
        assert (await socket.receive()).type in {WSMsgType.CLOSED, WSMsgType.CLOSE}


async def test_a_client_that_goes_away_ends_the_handling(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A cancelled request is logged as one without an answer."""
    oauth_server.api_fault = Fault.slow(math.inf)
    request = asyncio.create_task(send(session, "POST", oauth_server.url("/")))
    await oauth_server.reached(api_requests=1)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    oauth_server.api_fault = None
    await send(session, "POST", oauth_server.url("/"))
    assert [exchange.status for exchange in oauth_server.log] == [None, 401]


async def test_the_counters_count_what_arrived(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Token requests, API requests and rejections, also those that a fault answered."""
    token = await new_token(session, oauth_server)
    oauth_server.token_fault = Fault.status(503).times(1)
    await ask_token(session, oauth_server)
    await send(session, "GET", oauth_server.token_endpoint)
    await send(session, "GET", oauth_server.url("/"), headers=bearer(token))
    await send(session, "GET", oauth_server.url("/"))
    oauth_server.api_fault = Fault.status(401)
    await send(session, "GET", oauth_server.url("/"), headers=bearer(token))
    assert oauth_server.token_requests == 3
    assert oauth_server.api_requests == 3
    assert oauth_server.rejected_requests == 2
    assert oauth_server.logins == oauth_server.other_requests == 0


async def test_the_log_tells_each_exchange(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Server, method, path, query, status, headers, form and body; none of them secret in repr."""
    await ask_token(session, oauth_server, scope="read")
    await send(session, "POST", oauth_server.url("/a?b=c"), data="text")
    asked, sent = oauth_server.log
    assert (asked.server, asked.method, asked.path) == ("authorization", "POST", "/token")
    assert asked.form == {"grant_type": "client_credentials", "scope": "read"}
    assert asked.headers["authorization"] == basic()["Authorization"]
    assert (sent.server, sent.path, sent.query, sent.status) == ("api", "/a", "b=c", 401)
    assert (sent.form, sent.body.text, sent.body.length) == ({}, "text", 4)
    assert repr(sent) == (
        "Exchange(server='api', method='POST', path='/a', query='b=c', status=401)"
    )


async def test_a_form_that_is_not_text_is_logged_without_fields(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The log takes any body."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    await send(session, "POST", oauth_server.url("/"), headers=headers, data=b"\xff")
    assert oauth_server.log[0].form == {}


async def test_the_counters_can_begin_anew(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`reset_counters` empties counters and lists; tokens stay good."""
    token = await new_token(session, oauth_server)
    await send(session, "GET", oauth_server.url("/"))
    await send(session, "GET", oauth_server.other_url, headers=bearer(token))
    oauth_server.reset_counters()
    assert (oauth_server.token_requests, oauth_server.api_requests) == (0, 0)
    assert (oauth_server.rejected_requests, oauth_server.other_requests) == (0, 0)
    nothing: list[Exchange] = []
    assert oauth_server.log == oauth_server.leaked == nothing
    url = oauth_server.url("/")
    assert (await send(session, "GET", url, headers=bearer(token))).status == 200


async def test_a_test_can_wait_for_a_counter(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`reached` returns once all that is asked has arrived, at once if it has."""
    await oauth_server.reached()
    waiting = asyncio.create_task(oauth_server.reached(api_requests=2, rejected_requests=2))
    for _ in range(2):
        assert not waiting.done()
        await send(session, "GET", oauth_server.url("/"))
    await asyncio.wait_for(waiting, 5)


def test_nothing_of_the_client_is_imported() -> None:
    """The server imports itself and aiohttp: it is judged by other software."""
    for file in Path(aioalf.testing.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aioalf"):
                assert (node.module or "").startswith("aioalf.testing"), file
            elif isinstance(node, ast.Import):
                assert not any(name.name.startswith("aioalf") for name in node.names), file


def test_only_the_plugin_imports_pytest() -> None:
    """A demo or an application may use the server where pytest is not installed."""
    package = Path(aioalf.testing.__file__).parent
    importers = [file.name for file in package.rglob("*.py") if "import pytest" in file.read_text()]
    assert importers == ["pytest_plugin.py"]


def test_the_package_exports_what_it_says() -> None:
    """Every name in `__all__` is there."""
    assert all(hasattr(aioalf.testing, name) for name in aioalf.testing.__all__)
