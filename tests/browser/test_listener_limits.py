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
    Response,
    read_to_end,
    waiting_listener,
)

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
            await waiting.browser.request("GET", f"/?{VALID}", headers={"X": SECRET * 10_000}),
        ):
            assert response.status in {0, 400}
            assert SECRET not in response.raw.decode("latin-1")
        assert await waiting.is_waiting()


async def test_many_cookies_are_accepted() -> None:
    """Browsers send the cookies of other programs on localhost too, since cookies ignore ports."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.request(
            "GET", f"/?{VALID}", headers={"Cookie": "c" * 20_000}
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
            sent = (
                f"POST / HTTP/1.1\r\nHost: {waiting.browser.host}\r\nContent-Type: {FORM}\r\n"
                f"Origin: {waiting.browser.origin}\r\nContent-Length: 99\r\n\r\nstate={STATE}"
            )
        async with asyncio.timeout(5):
            assert (await waiting.browser.send(sent.encode())).raw == b""
        assert await waiting.is_waiting()


async def test_idle_connections_do_not_block_the_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above the limit of connections, the oldest idle one is closed."""
    monkeypatch.setattr(listener_connections, "MAX_CONNECTIONS", 2)
    async with waiting_listener() as waiting:
        idle = [
            await asyncio.open_connection(waiting.browser.address, waiting.browser.port)
            for _ in range(4)
        ]
        assert (await waiting.browser.get(f"/?{VALID}")).outcome == "signed-in"
        for reader, _ in idle[:2]:
            assert await read_to_end(reader) == b""
        for _, writer in idle:
            writer.close()
