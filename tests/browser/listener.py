"""A redirect listener that waits for a response, and a client that sends raw requests to it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from typing import Any

from aioalf._browser.redirect_listener import RedirectListener
from aioalf._browser.redirect_uri import RedirectUri

STATE = "b7Yw0cVt-_state"
SECRET = "s3cr3t-t0ken"
FORM = "application/x-www-form-urlencoded"
VALID = f"state={STATE}&access_token={SECRET}"
ANY_PORT = RedirectUri()
LOCALHOST = RedirectUri("localhost")


class Response:
    """All bytes that were received on one connection, parsed."""

    def __init__(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.raw = raw
        self.status = int(first.split()[1]) if first else 0
        self.headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
        }
        self.text = body.decode()

    @property
    def outcome(self) -> str:
        """The outcome that the page or its JSON shows; empty if this is not a page."""
        if self.headers["content-type"].startswith("application/json"):
            return str(json.loads(self.text)["outcome"])
        _, found, rest = self.text.partition('<main data-outcome="')
        return rest.partition('"')[0] if found else ""


class Browser:
    """Sends requests to a listener, as a browser does or as a hostile client does."""

    def __init__(self, listener: RedirectListener) -> None:
        self.origin = "http://" + listener.redirect_uri.split("/")[2]
        self.host = self.origin.removeprefix("http://")
        name, _, port = self.host.rpartition(":")
        self.address = "127.0.0.1" if name == "localhost" else name.strip("[]")
        self.port = int(port)

    async def send(self, data: bytes, *, address: str | None = None) -> Response:
        """Send these bytes and return everything received until the connection closes."""
        reader, writer = await asyncio.open_connection(address or self.address, self.port)
        try:
            writer.write(data)
            return Response(await read_to_end(reader))
        finally:
            writer.close()

    async def request(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        address: str | None = None,
    ) -> Response:
        """Send one request."""
        lines = {"Host": host or self.host, "Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        data = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body
        return await self.send(data, address=address)

    async def get(self, target: str) -> Response:
        """Open an address."""
        return await self.request("GET", target)

    async def post(
        self, body: str | bytes, headers: Mapping[str, str] | None = None, target: str = "/"
    ) -> Response:
        """Send a form as the script of the sign-in page does."""
        encoded = body if isinstance(body, bytes) else body.encode()
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": FORM}
        return await self.request("POST", target, encoded, headers={**own, **(headers or {})})


class WaitingListener:
    """A listener, a browser that knows its address, and the task that waits for a response."""

    def __init__(self, listener: RedirectListener, state: str) -> None:
        self.listener = listener
        self.browser = Browser(listener)
        self.result = asyncio.create_task(listener.wait(state))

    async def is_waiting(self) -> bool:
        """Whether the listener still waits, after all callbacks that were due have run."""
        await asyncio.sleep(0)
        return not self.result.done()


@asynccontextmanager
async def waiting_listener(
    uri: RedirectUri = ANY_PORT,
    *,
    awaited: tuple[str, ...] = ("access_token",),
    state: str = STATE,
    **options: Any,
) -> AsyncGenerator[WaitingListener, None]:
    """Open a listener that waits for a response until the block ends."""
    async with RedirectListener(uri, awaited=awaited, **options) as listener:
        waiting = WaitingListener(listener, state)
        await asyncio.sleep(0)
        try:
            yield waiting
        finally:
            waiting.result.cancel()
            await asyncio.gather(waiting.result, return_exceptions=True)


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Return what is received until the connection closes or is reset."""
    try:
        return await asyncio.wait_for(reader.read(), 4)
    except ConnectionError:
        return b""


def can_connect(address: str, port: int) -> bool:
    """Whether a program listens on this port."""
    try:
        socket.create_connection((address, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def occupy(address: str, port: int = 0) -> socket.socket:
    """Listen on a port of one address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def free_ports(count: int) -> int:
    """Return the first of this many neighbouring free ports."""
    for first in range(20000, 32000, count):
        with ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    for address in ("127.0.0.1", "::1"):
                        taken.enter_context(closing(occupy(address, port)))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports on this machine")
