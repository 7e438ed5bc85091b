"""The total timeout of one call: it limits the wait for a token and the request together."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientSession, ClientTimeout
from aiohttp.helpers import sentinel

from aioalf import OAuth2Middleware
from aioalf._requests.time_limit import start_time_limit
from aioalf.testing import Fault, OAuthServer
from tests.support.front import Sender, client_of, manager_of


@pytest.mark.parametrize("total", [None, 0, -1, -0.5])
def test_none_zero_and_negative_totals_mean_no_limit(total: float | None) -> None:
    """They mean the same as in aiohttp."""
    assert start_time_limit(total) is None
    assert start_time_limit(ClientTimeout(total=total, connect=1)) is None


@pytest.mark.parametrize("timeout", [-1, ClientTimeout(total=-1), ClientTimeout(total=0), None])
async def test_request_without_a_limit_waits_for_its_token(
    oauth_server: OAuthServer, timeout: ClientTimeout | None
) -> None:
    """A negative number is not a limit that has passed already."""
    async with (
        client_of(oauth_server) as client,
        client.get(oauth_server.url("/things"), timeout=timeout) as response,
    ):
        assert response.status == 200


@asynccontextmanager
async def silent_api() -> AsyncIterator[str]:
    """Yield the URL of an API that never sends the body it has announced."""
    callers: list[asyncio.StreamWriter] = []

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for writer in callers:
            writer.close()
        await server.wait_closed()


@pytest.mark.parametrize("way", ["call", "session", "middleware"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_total_timeout_limits_the_whole_call_once(
    oauth_server: OAuthServer, way: str, method: str
) -> None:
    """The time until the token arrived does not come on top for the response and its body."""
    oauth_server.token_fault = Fault.slow(0.8)
    timeout = ClientTimeout(total=1)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(silent_api())
        if way == "middleware":
            manager = manager_of(oauth_server)
            stack.push_async_callback(manager.close)
            sender: Sender = ClientSession(timeout=timeout, middlewares=[OAuth2Middleware(manager)])
        elif way == "session":
            session = await stack.enter_async_context(ClientSession(timeout=timeout))
            sender = client_of(oauth_server, session)
        else:
            sender = client_of(oauth_server)
        await stack.enter_async_context(sender)
        of_call = timeout if way == "call" else sentinel
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with sender.request(method, url, timeout=of_call) as response:
                await response.read()
        assert 0.8 < time.monotonic() - began < 1.6


def test_rest_of_the_limit_keeps_the_other_timeouts() -> None:
    """Only the total is shortened."""
    given = ClientTimeout(30, connect=4, sock_read=3, sock_connect=2, ceil_threshold=1)
    limit = start_time_limit(given)
    assert limit is not None
    rest = limit.rest()
    assert rest.total is not None
    assert 20 < rest.total <= 30
    for name in ("connect", "sock_read", "sock_connect", "ceil_threshold"):
        assert getattr(rest, name) == getattr(given, name)
