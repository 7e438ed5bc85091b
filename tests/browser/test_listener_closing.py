"""The redirect listener: how its sockets and connections are closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing

import pytest

from aioalf._browser import listener_connections
from aioalf._browser.redirect_listener import RedirectListener
from aioalf._browser.redirect_uri import RedirectUri
from tests.browser.listener import (
    FORM,
    LOCALHOST,
    STATE,
    VALID,
    Browser,
    can_connect,
    free_ports,
    read_to_end,
    waiting_listener,
)

pytestmark = pytest.mark.usefixtures("_no_leaks")


@pytest.mark.rule("R114")
async def test_last_page_is_sent_before_the_sockets_close() -> None:
    """The browser receives the last page although the listener closes at once."""

    async def wait_and_close() -> None:
        async with RedirectListener(LOCALHOST, awaited=("access_token",)) as listener:
            ready.set_result(Browser(listener))
            await listener.wait(STATE)

    ready: asyncio.Future[Browser] = asyncio.get_running_loop().create_future()
    closing_task = asyncio.create_task(wait_and_close())
    browser = await ready
    response = await browser.get(f"/?{VALID}")
    await closing_task
    assert response.outcome == "signed-in"
    assert response.text.endswith("</html>\n")
    assert not can_connect("127.0.0.1", browser.port)
    assert not can_connect("::1", browser.port)


@pytest.mark.rule("R114")
@pytest.mark.parametrize("end", ["timeout", "cancel", "error"])
async def test_sockets_close_after_timeout_cancellation_and_error(end: str) -> None:
    """The port is closed however the block ends."""
    port = 0

    async def wait() -> None:
        nonlocal port
        async with RedirectListener(LOCALHOST, awaited=("code",)) as listener:
            port = Browser(listener).port
            if end == "error":
                raise ZeroDivisionError
            started.set()
            await listener.wait(STATE)

    started = asyncio.Event()
    if end == "timeout":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait(), 0.05)
    elif end == "error":
        with pytest.raises(ZeroDivisionError):
            await wait()
    else:
        task = asyncio.create_task(wait())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not can_connect("127.0.0.1", port)
    assert not can_connect("::1", port)


@asynccontextmanager
async def stalled(browser: Browser) -> AsyncGenerator[asyncio.StreamReader, None]:
    """Keep a connection open in the middle of a form that the listener reads."""
    reader, writer = await asyncio.open_connection(browser.address, browser.port)
    writer.write(
        f"POST / HTTP/1.1\r\nHost: {browser.host}\r\nContent-Type: {FORM}\r\n"
        f"Origin: {browser.origin}\r\nContent-Length: 99\r\n\r\nstate=".encode()
    )
    assert (await browser.get("/later")).status == 404
    yield reader
    writer.close()


@pytest.mark.rule("R114")
async def test_open_connections_delay_closing_by_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Idle connections close at once, unfinished requests after the drain time."""
    monkeypatch.setattr(listener_connections, "DRAIN_SECONDS", 0.1)
    loop = asyncio.get_running_loop()
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        idle, writer = await asyncio.open_connection(browser.address, browser.port)
        async with stalled(browser) as unfinished:
            started = loop.time()
            await listener.__aexit__(None, None, None)
            assert 0.05 < loop.time() - started < 0.9
            for reader in (idle, unfinished):
                assert await read_to_end(reader) == b""
        writer.close()
    assert not can_connect("127.0.0.1", browser.port)


async def test_aborted_request_leaves_no_task() -> None:
    """If a client disconnects in the middle of its request, no task stays."""
    async with waiting_listener() as waiting:
        before = asyncio.all_tasks()
        reader, writer = await asyncio.open_connection(
            waiting.browser.address, waiting.browser.port
        )
        head = (
            f"GET / HTTP/1.1\r\nHost: {waiting.browser.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(head.encode())
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        for _ in range(20):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        assert await waiting.is_waiting()


@pytest.mark.rule("R114")
@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_cancelled_close_still_closes(turns: int) -> None:
    """A cancellation during `close` leaves no socket open."""
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        async with stalled(browser) as unfinished:
            closing_task = asyncio.create_task(listener.__aexit__(None, None, None))
            for _ in range(turns):
                await asyncio.sleep(0)
            closing_task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing_task
            assert await read_to_end(unfinished) == b""
    assert not can_connect("127.0.0.1", browser.port)


@pytest.mark.rule("R114")
async def test_cancelled_start_leaves_no_socket() -> None:
    """A cancellation while the listener opens leaves no port open."""
    first = free_ports(1)
    listener = RedirectListener(RedirectUri("localhost", (first, first)), awaited=("code",))
    opening = asyncio.create_task(listener.__aenter__())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not can_connect("127.0.0.1", first)
    assert not can_connect("::1", first)


@pytest.mark.rule("R114")
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4])
async def test_connection_during_close_is_dropped(turns: int) -> None:
    """A connection accepted during `close` is closed without a warning."""
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        late = socket.create_connection((browser.address, browser.port))
        for _ in range(turns):
            await asyncio.sleep(0)
    with closing(late):
        late.settimeout(5)
        try:
            assert late.recv(1) == b""
        except ConnectionError:
            assert not can_connect(browser.address, browser.port)


@pytest.mark.rule("R114")
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_connection_during_cancelled_close_is_dropped(turns: int) -> None:
    """A connection accepted during a cancelled `close` is closed too."""
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        with closing(socket.create_connection((browser.address, browser.port))) as late:
            for _ in range(turns):
                await asyncio.sleep(0)
            closing_task = asyncio.create_task(listener.__aexit__(None, None, None))
            await asyncio.sleep(0)
            closing_task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing_task
            late.setblocking(False)  # noqa: FBT003 - positional-only
            try:
                loop = asyncio.get_running_loop()
                assert await asyncio.wait_for(loop.sock_recv(late, 1), 4) == b""
            except ConnectionError:
                assert not can_connect(browser.address, browser.port)


async def test_event_loop_without_readers_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Event loops without readers, such as Proactor loops, close the sockets."""

    def cannot(*_: object) -> bool:
        raise NotImplementedError

    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.get_running_loop(), "remove_reader", cannot)
            await listener.__aexit__(None, None, None)
    assert not can_connect("127.0.0.1", browser.port)
