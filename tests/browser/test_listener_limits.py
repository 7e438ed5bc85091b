"""The redirect listener: limits of size, time and number, and malformed requests."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
from aiohttp import web

from aioalf._browser import listener_connections
from tests.browser.listener import (
    FORM,
    SECRET,
    STATE,
    VALID,
    Browser,
    Response,
    read_to_end,
    waiting_listener,
)

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

pytestmark = pytest.mark.usefixtures("_no_leaks")


@pytest.mark.rule("R117")
async def test_form_above_the_size_limit_is_refused() -> None:
    """A form may have 64 KiB and not one byte more."""
    async with waiting_listener() as waiting:
        limit = listener_connections.MAX_RESPONSE_BYTES
        exact = f"state={STATE}x&a=".ljust(limit, "t")
        assert (await waiting.browser.post(exact)).outcome == "try-again"
        assert (await waiting.browser.post(exact + "t")).status == 413
        assert await waiting.is_waiting()


@pytest.mark.rule("R117")
async def test_request_line_and_headers_above_the_limit_are_refused() -> None:
    """Long request lines and headers are refused and not quoted in the response."""
    async with waiting_listener() as waiting:
        for response in (
            await waiting.browser.get(f"/?{VALID}" + "t" * 70_000),
            await waiting.browser.request("GET", f"/?{VALID}", headers={"X": SECRET * 12_000}),
        ):
            assert response.status in {0, 400}
            assert SECRET not in response.raw.decode("latin-1")
        assert await waiting.is_waiting()


@pytest.mark.rule("R117")
async def test_all_bytes_of_a_connection_are_limited() -> None:
    """Many headers below the limit of one header do not fill the memory."""
    async with waiting_listener() as waiting:
        limit = listener_connections.MAX_CONNECTION_BYTES
        header = b"X: " + b"x" * 30_000 + b"\r\n"
        head = f"GET /?{VALID} HTTP/1.1\r\nHost: {waiting.browser.host}\r\n".encode()
        sent = head + header * (limit // len(header))
        rest = limit - len(sent) - len(b"X: \r\n\r\n")
        exact = sent + b"X: " + b"x" * rest + b"\r\n\r\n"
        async with asyncio.timeout(1):  # before the time limit of a request
            assert (await waiting.browser.send(sent + header)).raw == b""
            assert (await waiting.browser.send(exact + b"x")).raw == b""
        assert await waiting.is_waiting()
        assert (await waiting.browser.send(exact)).outcome == "signed-in"


async def test_many_cookies_are_accepted() -> None:
    """Browsers send the cookies of other programs on this host too, since cookies ignore ports."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.request(
            "GET", f"/?{VALID}", headers={"Cookie": "c" * 120_000}
        )
        assert response.outcome == "signed-in"


@pytest.mark.rule("R106", "R117")
@pytest.mark.parametrize(
    "request_text",
    [
        "\r\n\r\n",
        "{secret}\r\n\r\n",
        "GET /?{valid}\r\n\r\n",
        "GET /?{valid} HTTP/9.9\r\n\r\n",
        "GET /?{valid} HTTP/1.1 HTTP/1.1\r\n\r\n",
        "GET ?{valid} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET http://[::1/?{valid} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET http://[{secret}]:99999999/?{valid} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET http://a:{secret}/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "CONNECT {secret} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "CONNECT a:{secret} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "G\x00T /?{valid} HTTP/1.1\r\n\r\n",
        "GET /?{valid}\x00 HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET /?{valid} HTTP/1.1\r\n{secret}\r\n\r\n",
        "GET /?{valid} HTTP/1.1\r\nHost : {host}\r\n\r\n",
        "GET /?{valid} HTTP/1.1\r\nX: \x00{secret}\r\n\r\n",
        "GET /?{valid} HTTP/1.1\nHost: {secret}\n\n",
        "GET /?{valid} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {secret}\r\n\r\n",
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n"
            "Transfer-Encoding: chunked\r\n\r\n{valid}"
        ),
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: {form}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n{secret}\r\n{valid}\r\n\r\n"
        ),
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: {form}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n{secret}\r\n"
        ),
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: {form}\r\n"
            "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
        ),
        "GET /?{valid} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03{secret}",
    ],
)
async def test_malformed_requests_are_refused_and_not_logged(
    request_text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A malformed request is not logged or quoted, and the listener keeps waiting."""
    async with waiting_listener() as waiting:
        data = request_text.format(secret=SECRET, valid=VALID, host=waiting.browser.host, form=FORM)
        reader, writer = await asyncio.open_connection(
            waiting.browser.address, waiting.browser.port
        )
        writer.write(data.encode("latin-1"))
        writer.write_eof()
        response = Response(await reader.read())
        writer.close()
        assert response.status == 0 or 400 <= response.status < 500
        assert SECRET not in response.raw.decode("latin-1")
        assert not [entry for entry in caplog.records if entry.name != "asyncio"]
        assert await waiting.is_waiting()
        assert (await waiting.browser.get(f"/?{VALID}")).outcome == "signed-in"


@pytest.mark.parametrize("where", ["data_received", "_make_request"])
async def test_unexpected_errors_of_aiohttp_are_not_logged(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error in aiohttp cannot put a token into the log."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(web.Server if where == "_make_request" else web.RequestHandler, where, fail)
    async with waiting_listener() as waiting:
        assert (await waiting.browser.get("/")).raw == b""
        gc.collect()
        assert not [entry for entry in caplog.records if entry.levelno > logging.DEBUG]
        assert await waiting.is_waiting()


@pytest.mark.rule("R117")
@pytest.mark.parametrize("sent", ["", "GET /?x=1", "POST"])
async def test_slow_clients_are_disconnected(sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incomplete request is dropped after the time limit, and the listener keeps waiting."""
    monkeypatch.setattr(listener_connections, "REQUEST_SECONDS", 0.05)
    async with waiting_listener() as waiting:
        if sent == "POST":
            sent = slow_form(waiting.browser).decode()
        async with asyncio.timeout(5):
            assert (await waiting.browser.send(sent.encode())).raw == b""
        assert await waiting.is_waiting()


async def connect(browser: Browser, sent: bytes, count: int) -> list[Connection]:
    """Open connections that send these bytes and wait, some of them at the same moment."""
    connections: list[Connection] = []
    while len(connections) < count:
        batch = min(listener_connections.BACKLOG, count - len(connections))
        connections += await asyncio.gather(
            *(asyncio.open_connection(browser.address, browser.port) for _ in range(batch))
        )
    for _, writer in connections:
        writer.write(sent)
    return connections


@pytest.mark.rule("R117")
async def test_connections_at_once_are_limited() -> None:
    """Connections above the limit are closed at once, and a new one still gets a response."""
    limit = listener_connections.MAX_CONNECTIONS
    async with waiting_listener() as waiting:
        idle = await connect(waiting.browser, b"", limit + 26)
        assert (await waiting.browser.get("/")).outcome == "signing-in"
        ends = [asyncio.create_task(read_to_end(reader)) for reader, _ in idle]
        closed = asyncio.as_completed(ends, timeout=2)  # before the time limit of a request
        for _ in range(27):
            assert await next(closed) == b""
        assert sum(not end.done() for end in ends) == limit - 1
        for _, writer in idle:
            writer.close()
        await asyncio.gather(*ends)


@pytest.mark.rule("R117")
@pytest.mark.parametrize("kind", ["idle", "slow form"])
@pytest.mark.parametrize(("before", "after"), [(0, 150), (100, 20)])
async def test_early_connection_of_a_browser_is_kept(kind: str, before: int, after: int) -> None:
    """A flood does not close the connection of a browser that connected early."""
    async with waiting_listener() as waiting:
        sent = slow_form(waiting.browser) if kind == "slow form" else b""
        flood = await connect(waiting.browser, sent, before)
        reader, writer = await asyncio.open_connection(
            waiting.browser.address, waiting.browser.port
        )
        flood += await connect(waiting.browser, sent, after)
        assert (await waiting.browser.get("/favicon.ico")).status == 404  # the flood has arrived
        writer.write(f"GET /?{VALID} HTTP/1.1\r\nHost: {waiting.browser.host}\r\n\r\n".encode())
        assert Response(await read_to_end(reader)).outcome == "signed-in"
        for _, other in [*flood, (reader, writer)]:
            other.close()


def slow_form(browser: Browser) -> bytes:
    """Return the first part of a form of the sign-in page."""
    return (
        f"POST / HTTP/1.1\r\nHost: {browser.host}\r\nContent-Type: {FORM}\r\n"
        f"Origin: {browser.origin}\r\nContent-Length: 99\r\n\r\nstate={STATE}"
    ).encode()
