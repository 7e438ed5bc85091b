"""The redirect listener: a small web server on this machine that waits for one login's answer.

It knows ports, requests and `state`. It does not know which grant it serves, what becomes of
the answer, or who waits. What it receives is secret and is in no log and no error of its own.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import logging
import re
import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qsl

from aiohttp import web

from aioalf import pages
from aioalf.errors import ListenerError, TokenConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ("RedirectListener",)

MAX_PORT: Final = 65535
MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_HEADER_BYTES: Final = 32 * 1024  # other programs on localhost may have left many cookies
MAX_PARAMETERS: Final = 64
MAX_CONNECTIONS: Final = 64
REQUEST_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 1.0
ACCEPT_TURNS: Final = 3  # of the loop: from the accepted socket to its protocol
FREE_PORT_ATTEMPTS: Final = 16

_FORM: Final = "application/x-www-form-urlencoded"

# Each group is listened on as a whole; the next one is for machines that lack the first.
_ADDRESSES: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    # Browsers try ::1 first: whoever else had the port there would be handed the token.
    "localhost": [["127.0.0.1", "::1"]],
    "127.0.0.1": [["127.0.0.1"], ["::1"]],
    "::1": [["::1"], ["127.0.0.1"]],
}
_NO_SUCH_ADDRESS: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class RedirectListener:
    """Listens on loopback while a login waits, and hands over the answer that belongs to it.

    The sockets open on `async with` and are closed when it ends, however it ends. `ports` is an
    inclusive range, tried in order; None takes any free port. With host "localhost" both
    127.0.0.1 and ::1 are listened on; an IP literal falls back to the other IP version where
    the machine lacks it. `awaited` names the parameters one of which a finished answer holds,
    unless it holds `error`. Raises TokenConfigurationError for what cannot work, and
    ListenerError on entry when no port can be had (RFC 8252, 7.3, 8.3, 8.9, 8.10).
    """

    def __init__(
        self,
        *,
        ports: tuple[int, int] | None = None,
        host: str = "127.0.0.1",
        path: str = "/",
        awaited: Collection[str],
    ) -> None:
        self._ports = _checked_ports(ports)
        self._host = _checked_host(host)
        self._path = _checked_path(path)
        self._awaited = frozenset(awaited)
        self._authority = ""
        self._server: _Server | None = None
        self._waiting: tuple[bytes, asyncio.Future[Mapping[str, str]]] | None = None
        self._is_finished = False

    @property
    def redirect_uri(self) -> str:
        """Where the authorization server sends the browser; known once the sockets are open.

        The path "/" is left out. Raises RuntimeError before `async with`.
        """
        if not self._authority:
            raise RuntimeError("The redirect URI is known inside `async with` only.")
        return self._origin + ("" if self._path == "/" else self._path)

    async def wait(self, state: str) -> Mapping[str, str]:
        """Return the parameters of the answer whose `state` is this one.

        Forged, repeated, stateless and tokenless answers do not end it, and it has no time
        limit of its own. Parameters without a value are left out (RFC 6749, 3.1).
        Raises ValueError for an empty state.
        """
        if not state:
            raise ValueError("An empty state protects nothing.")
        if self._waiting is not None:
            raise RuntimeError("This listener already waits for an answer.")
        answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._waiting = (state.encode(), answer)
        self._is_finished = False
        try:
            return await answer
        finally:
            self._waiting = None

    async def __aenter__(self) -> Self:
        sockets = _listen(self._host, self._ports)
        address, port = sockets[0].getsockname()[:2]
        host = "localhost" if self._host == "localhost" else address
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._server = _Server(self._respond)
        await self._server.start(sockets)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    @property
    def _origin(self) -> str:
        return f"http://{self._authority}"

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        # A page that had its own name resolve to this machine says that name here.
        if request.headers.getall("Host", []) != [without_default_port(self._authority)]:
            return _refuse(403)
        path, _, query = request.raw_path.partition("?")
        if path != self._path:
            return _refuse(404)
        if request.method == "GET":
            return _show(self._judge(_raw(query)) if query else self._page_without_answer())
        if request.method == "POST":
            return await self._take_form(request)
        return _refuse(405, {"Allow": "GET, POST"})

    async def _take_form(self, request: web.BaseRequest) -> web.Response:
        if not _is_from(request, without_default_port(self._origin)):
            return _refuse(403)
        if request.content_type != _FORM:
            return _refuse(415)
        try:
            body = await _read(request, MAX_ANSWER_BYTES)
        except (web.RequestPayloadError, ConnectionError):
            return _refuse(400)
        if body is None:
            return _refuse(413)
        page = self._judge(body)
        return _reply(pages.render_json(page), "application/json", page.status)

    def _page_without_answer(self) -> pages.Page:
        return pages.NOTHING_TO_DO if self._is_finished else pages.SIGNING_IN

    def _judge(self, encoded: bytes) -> pages.Page:
        if self._is_finished:
            return pages.NOTHING_TO_DO
        answer = _parameters(encoded)
        if self._waiting is None or answer is None or not self._is_complete(answer):
            return pages.TRY_AGAIN
        state, future = self._waiting
        # A wait that was cancelled a moment ago is over, though its task has not run yet.
        if future.done() or not hmac.compare_digest(answer["state"].encode(), state):
            return pages.TRY_AGAIN
        self._is_finished = True
        future.set_result(answer)
        if "error" in answer:
            return pages.refused(answer.get("error_description", answer["error"]))
        return pages.SIGNED_IN

    def _is_complete(self, answer: Mapping[str, str]) -> bool:
        return "state" in answer and ("error" in answer or not self._awaited.isdisjoint(answer))


def _parameters(encoded: bytes) -> dict[str, str] | None:
    """Read the parameters of an answer; None if it is malformed or repeats one."""
    try:
        pairs = parse_qsl(
            encoded.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        return None
    answer = dict(pairs)
    if len(answer) != len(pairs):
        return None
    return {name: value for name, value in answer.items() if value}


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def without_default_port(url: str) -> str:
    # Browsers leave out the default port.
    return url.removesuffix(":80")


def _is_from(request: web.BaseRequest, origin: str) -> bool:
    site = request.headers.getall("Sec-Fetch-Site", ["same-origin"])
    return request.headers.getall("Origin", []) == [origin] and site == ["same-origin"]


async def _read(request: web.BaseRequest, limit: int) -> bytes | None:
    """Return the whole body, or None as soon as it is longer than the limit."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _show(page: pages.Page) -> web.Response:
    return _reply(pages.render_html(page), "text/html", page.status)


def _refuse(status: int, more: Mapping[str, str] | None = None) -> web.Response:
    return _reply(f"{status}\n", "text/plain", status, more)


def _reply(
    text: str, content_type: str, status: int, more: Mapping[str, str] | None = None
) -> web.Response:
    response = web.Response(
        text=text,
        content_type=content_type,
        charset="utf-8",
        status=status,
        headers={**pages.headers(), **(more or {})},
    )
    response.force_close()
    return response


def _checked_ports(ports: object) -> Sequence[int]:
    match ports:
        case None:
            return [0] * FREE_PORT_ATTEMPTS
        case int(first), int(last) if 1 <= first <= last <= MAX_PORT and first is not True:
            return range(first, last + 1)
        case _:
            raise TokenConfigurationError(
                f"The redirect listener's ports are {ports!r}; write two whole numbers "
                f"from 1 to {MAX_PORT}, the lower one first, such as (32000, 32009)."
            )


def _checked_host(host: str) -> str:
    if host in _ADDRESSES:
        return host
    raise TokenConfigurationError(
        f"The redirect listener's host is {host!r}; write one of {', '.join(_ADDRESSES)}: "
        "a login's answer is received on this machine only."
    )


def _checked_path(path: str) -> str:
    if re.fullmatch(r"/[!-~]*", path) and not set(path) & set("?#"):
        return path
    raise TokenConfigurationError(
        f"The redirect listener's path is {path!r}; write one that starts with a slash "
        "and has no query, fragment or space, percent-encoded."
    )


def _listen(host: str, ports: Sequence[int]) -> list[socket.socket]:
    cause: OSError | None = None
    for addresses in _ADDRESSES[host]:
        for port in ports:
            try:
                sockets = _listen_on_each(addresses, port)
            except OSError as error:
                cause = error
                continue
            if sockets:
                return sockets
            break
    span = f"from {ports[0]} to {ports[-1]}" if any(ports) else "of this machine"
    raise ListenerError(
        f"The redirect listener got no port {span} on {host}: all are busy or forbidden. "
        "End what uses them, or choose other ports."
    ) from cause


def _listen_on_each(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """Listen on one port of every address that exists here; all or nothing."""
    sockets: list[socket.socket] = []
    with ExitStack() as undo:
        for address in addresses:
            try:
                listening = _bind(address, port)
            except OSError as error:
                if error.errno in _NO_SUCH_ADDRESS:
                    continue
                raise
            undo.enter_context(listening)
            sockets.append(listening)
            port = listening.getsockname()[1]
        undo.pop_all()
    return sockets


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.create_server((address, port), family=family)
    listening.setblocking(False)  # noqa: FBT003 - its only argument
    return listening


class _Server:
    """Serves on given sockets, and ends within a second whatever its clients do."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.Response]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._handler = handler
        self._web = web.Server(self._handle)
        self._servers: list[asyncio.Server] = []
        self._connections: dict[_Connection, None] = {}
        self._is_open = True

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        with ExitStack() as undo:
            for listening in sockets:
                undo.enter_context(listening)
            undo.callback(self._close_now)
            for listening in sockets:
                self._servers.append(
                    await self._loop.create_server(
                        self._connect, sock=listening, start_serving=False
                    )
                )
            for server in self._servers:
                await server.start_serving()
            undo.pop_all()

    async def close(self) -> None:
        """Accept no more, let answers that are under way reach the browser, then close hard."""
        try:
            await self._stop_accepting()
            under_way: list[asyncio.Future[None]] = []
            for connection in [*self._connections]:
                if connection.is_answering:
                    under_way.append(connection.lost)
                else:
                    connection.abort()
            if under_way:
                await asyncio.wait(under_way, timeout=DRAIN_SECONDS)
        finally:
            left = [connection.lost for connection in self._connections]
            self._close_now()
        if left:
            await asyncio.wait(left, timeout=DRAIN_SECONDS)

    async def _stop_accepting(self) -> None:
        # asyncio drops, with a warning, a connection accepted just before its server is closed.
        for server in self._servers:
            for listening in server.sockets:
                # Not every loop has readers.
                with suppress(NotImplementedError, RuntimeError):
                    self._loop.remove_reader(listening)
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)

    def _close_now(self) -> None:
        self._is_open = False
        for server in self._servers:
            server.close()
        for connection in [*self._connections]:
            connection.abort()

    def _connect(self) -> _Connection:
        return _Connection(self._web, self._loop, self._opened, self._lost)

    def _opened(self, connection: _Connection) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            # The oldest one that has not sent its request: whoever hoards, the browser gets in.
            self._oldest().abort()
        self._connections[connection] = None
        if not self._is_open:
            connection.abort()

    def _oldest(self) -> _Connection:
        return min(self._connections, key=lambda connection: connection.is_answering)

    def _lost(self, connection: _Connection) -> None:
        self._connections.pop(connection, None)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        cast("_Connection", request.protocol).is_answering = True
        return await self._handler(request)


# What aiohttp says of a bad request quotes it, and a token may be in it.
_SILENCE: Final = logging.Logger("aioalf.loopback")  # noqa: LOG001 - in nobody's reach
_SILENCE.disabled = True


class _Connection(web.RequestHandler):
    """One request, little time to send it, and nothing of it in any log."""

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        opened: Callable[[_Connection], None],
        lost: Callable[[_Connection], None],
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            logger=_SILENCE,
            access_log=_SILENCE,
            max_line_size=MAX_ANSWER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            lingering_time=DRAIN_SECONDS,
            auto_decompress=False,
        )
        self.is_answering = False
        self.lost: asyncio.Future[None] = loop.create_future()
        self._on_opened = opened
        self._on_lost = lost

    def abort(self) -> None:
        self._socket_transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # aiohttp forgets a transport that it closes, though it may still have much to send.
        self._socket_transport = cast("asyncio.Transport", transport)
        self._time_limit = self._loop.call_later(REQUEST_SECONDS, self.abort)
        self._on_opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._time_limit.cancel()
        self._on_lost(self)
        super().connection_lost(exc)
        self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except Exception:  # noqa: BLE001 - the loop would log it, with what it quotes
            self.abort()

    async def start(self) -> None:
        try:
            await super().start()
        except Exception:  # noqa: BLE001 - as above
            self.abort()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        return _refuse(status)
