"""The server as a whole: start, close, counters and log."""

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
from aioalf.testing import Fault, OAuthServer, RecordedRequest
from tests.testing.plain_client import basic, bearer, new_token, request_token, send


async def test_every_origin_has_a_port_of_its_own(oauth_server: OAuthServer) -> None:
    """The three servers listen on different loopback ports."""
    urls = (oauth_server.token_endpoint, oauth_server.api_url, oauth_server.other_url)
    assert {urlsplit(url).hostname for url in urls} == {"127.0.0.1"}
    assert len({urlsplit(url).port for url in urls}) == 3
    assert oauth_server.authorization_endpoint.removesuffix("/authorize") == (
        oauth_server.token_endpoint.removesuffix("/token")
    )
    assert oauth_server.url("/things") == oauth_server.api_url + "/things"


async def test_server_can_be_started_again_after_close(session: ClientSession) -> None:
    """`start` and `close` work without `async with`; a second `close` does nothing."""
    server = OAuthServer()
    for _ in range(2):
        await server.start()
        assert (await request_token(session, server)).status == 200
        await server.close()
        await server.close()


async def test_starting_a_running_server_raises_runtime_error(oauth_server: OAuthServer) -> None:
    """A running server cannot be started again."""
    with pytest.raises(RuntimeError, match="has been started already"):
        await oauth_server.start()


@pytest.mark.parametrize(
    "url", ["issuer", "token_endpoint", "authorization_endpoint", "api_url", "other_url"]
)
def test_urls_need_a_started_server(url: str) -> None:
    """The error says how to start the server."""
    with pytest.raises(RuntimeError, match="use `async with` or `await start"):
        getattr(OAuthServer(), url)


async def test_failed_start_closes_the_open_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server can be started again later."""
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


async def test_close_does_not_wait_for_slow_responses(session: ClientSession) -> None:
    """Requests in flight end at once, and no task is left."""
    tasks_before = asyncio.all_tasks()
    server = OAuthServer(token_fault=Fault.slow(math.inf), api_fault=Fault.slow(60))
    await server.start()
    url = server.url("/")
    waiting = [
        asyncio.create_task(request_token(session, server)),
        asyncio.create_task(send(session, "POST", url)),
    ]
    await server.reached(token_requests=1, api_requests=1)
    before = time.monotonic()
    await server.close()
    assert time.monotonic() - before < 1
    assert asyncio.all_tasks() - tasks_before - set(waiting) == set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(outcome, ClientError) for outcome in outcomes] == [True, True]
    assert [entry.status for entry in server.log] == [None, None]
    with pytest.raises(ClientError):
        await session.get(url)


@asynccontextmanager
async def connected(
    session: ClientSession, server: OAuthServer
) -> AsyncGenerator[ClientWebSocketResponse]:
    """Open a websocket to the API."""
    headers = bearer(await new_token(session, server))
    async with session.ws_connect(server.url("/ws"), headers=headers) as socket:
        yield socket


async def test_close_ends_websockets_and_idle_connections(session: ClientSession) -> None:
    """Connections that clients keep open do not delay `close`."""
    async with OAuthServer() as server, connected(session, server) as socket:
        await socket.send_str("x")
        await socket.receive_str()
        before = time.monotonic()
        await server.close()
        assert time.monotonic() - before < 1
        assert (await socket.receive()).type in {WSMsgType.CLOSED, WSMsgType.CLOSE}


async def test_request_handling_ends_when_the_client_disconnects(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A cancelled request is logged without a status."""
    oauth_server.api_fault = Fault.slow(math.inf)
    request = asyncio.create_task(send(session, "POST", oauth_server.url("/")))
    await oauth_server.reached(api_requests=1)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    oauth_server.api_fault = None
    await send(session, "POST", oauth_server.url("/"))
    assert [entry.status for entry in oauth_server.log] == [None, 401]


async def test_counters_count_requests_and_rejections(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Requests are counted even if a fault made the response."""
    token = await new_token(session, oauth_server)
    oauth_server.token_fault = Fault.status(503).times(1)
    await request_token(session, oauth_server)
    await send(session, "GET", oauth_server.token_endpoint)
    await send(session, "GET", oauth_server.url("/"), headers=bearer(token))
    await send(session, "GET", oauth_server.url("/"))
    oauth_server.api_fault = Fault.status(401)
    await send(session, "GET", oauth_server.url("/"), headers=bearer(token))
    assert oauth_server.token_requests == 3
    assert oauth_server.api_requests == 3
    assert oauth_server.rejected_requests == 2
    assert oauth_server.logins == oauth_server.other_requests == 0


async def test_log_records_each_request(oauth_server: OAuthServer, session: ClientSession) -> None:
    """The log has request, headers, form, body and status; `repr` hides secrets."""
    await request_token(session, oauth_server, scope="read")
    await send(session, "POST", oauth_server.url("/a?b=c"), data="text")
    token_request, api_request = oauth_server.log
    assert (token_request.server, token_request.method, token_request.path) == (
        "authorization",
        "POST",
        "/token",
    )
    assert token_request.form == {"grant_type": "client_credentials", "scope": "read"}
    assert token_request.headers["authorization"] == basic()["Authorization"]
    assert (api_request.server, api_request.path, api_request.query, api_request.status) == (
        "api",
        "/a",
        "b=c",
        401,
    )
    assert (api_request.form, api_request.body.text, api_request.body.length) == ({}, "text", 4)
    assert repr(api_request) == (
        "RecordedRequest(server='api', method='POST', path='/a', query='b=c', status=401, "
        "error='invalid_token')"
    )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.oauth_error("invalid_grant", "Used before"), "invalid_grant"),
        (Fault.oauth_error("slow_down", status=200), "slow_down"),
        (Fault.status(303, headers={"Location": "http://a/?code=b&error=c"}), "c"),
        (Fault.status(303, headers={"Location": "http://a/#error=c"}), "c"),
        (Fault.status(503), None),
        (Fault.truncated(), None),
        (Fault.body(b'{"error": ["c"]}'), None),
        (Fault.body(b'["error"]'), None),
        (Fault.body(b"[" * 50_000), None),
        (Fault.body(b'{"error": "c"}' + b" " * 70_000), None),
    ],
)
async def test_log_has_the_error_code(
    oauth_server: OAuthServer, session: ClientSession, fault: Fault, error: str | None
) -> None:
    """The code is in the body or in the URL of a redirect; other bodies are no failure."""
    oauth_server.token_fault = fault
    async with session.post(oauth_server.token_endpoint, allow_redirects=False):
        assert oauth_server.log[-1].error == error


async def test_invalid_form_is_logged_without_parameters(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The log accepts any body."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    await send(session, "POST", oauth_server.url("/"), headers=headers, data=b"\xff")
    assert oauth_server.log[0].form == {}


async def test_reset_counters_keeps_tokens_valid(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`reset_counters` empties counters and logs, and nothing else."""
    token = await new_token(session, oauth_server)
    await send(session, "GET", oauth_server.url("/"))
    await send(session, "GET", oauth_server.other_url, headers=bearer(token))
    oauth_server.reset_counters()
    assert (oauth_server.token_requests, oauth_server.api_requests) == (0, 0)
    assert (oauth_server.rejected_requests, oauth_server.other_requests) == (0, 0)
    nothing: list[RecordedRequest] = []
    assert oauth_server.log == oauth_server.leaked == nothing
    url = oauth_server.url("/")
    assert (await send(session, "GET", url, headers=bearer(token))).status == 200


async def test_reached_waits_for_counters(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`reached` returns when all counters have reached their minimum."""
    await oauth_server.reached()
    waiting = asyncio.create_task(oauth_server.reached(api_requests=2, rejected_requests=2))
    for _ in range(2):
        assert not waiting.done()
        await send(session, "GET", oauth_server.url("/"))
    await asyncio.wait_for(waiting, 5)


def test_server_does_not_import_the_client() -> None:
    """The server imports nothing of aioalf but `aioalf.testing`, which exports its names lazily."""
    for_caches = {"_contract", "cache_faults.py", "unreliable_cache.py"}
    for file in Path(aioalf.testing.__file__).parent.rglob("*.py"):
        if for_caches & set(file.parts):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aioalf"):
                name = node.module or ""
                assert name.startswith(("aioalf.testing", "aioalf._lazy_exports")), file
            elif isinstance(node, ast.Import):
                assert not any(name.name.startswith("aioalf") for name in node.names), file


def test_only_the_plugin_imports_pytest() -> None:
    """The server can be used without pytest."""
    package = Path(aioalf.testing.__file__).parent
    importers = [file.name for file in package.rglob("*.py") if "import pytest" in file.read_text()]
    assert set(importers) == {"pytest_plugin.py", "_pytest_asyncio_fixture.py"}


def test_all_names_exist() -> None:
    """Every name in `__all__` exists."""
    assert all(hasattr(aioalf.testing, name) for name in aioalf.testing.__all__)


async def test_unknown_option_is_refused(oauth_server: OAuthServer) -> None:
    """A misspelled option would change nothing."""
    with pytest.raises(AttributeError, match=r"no option 'expires_im'.* expires_in"):
        oauth_server.expires_im = 3  # type: ignore[attr-defined]


async def test_on_request_is_called_with_each_request(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The function gets each request when it has ended, and the log already contains it."""
    seen: list[tuple[RecordedRequest, int]] = []
    oauth_server.on_request = lambda request: seen.append((request, len(oauth_server.log)))
    await send(session, "GET", oauth_server.url("/things"), headers=bearer("unknown"))
    await request_token(session, oauth_server)
    assert [(request.path, request.status, count) for request, count in seen] == [
        ("/things", 401, 1),
        ("/token", 200, 2),
    ]
