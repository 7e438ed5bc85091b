"""The redirect listener: a small web server on this machine that waits for one login's answer.

It knows ports, requests and `state`. It does not know which grant it serves, what becomes of
the answer, or who waits. What it receives is secret and is in no log and no error of its own.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl

from aiohttp import web

from aioalf._browser import pages
from aioalf._browser.redirect_server import MAX_ANSWER_BYTES, LoopbackServer, refuse, reply
from aioalf._browser.sockets import checked_host, checked_ports, listen
from aioalf.errors import TokenConfigurationError

__all__ = ("RedirectListener",)

MAX_PARAMETERS: Final = 64

_FORM: Final = "application/x-www-form-urlencoded"


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
        self._ports = checked_ports(ports)
        self._host = checked_host(host)
        self._path = _checked_path(path)
        self._awaited = frozenset(awaited)
        self._authority = ""
        self._server: LoopbackServer | None = None
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
        sockets = listen(self._host, self._ports)
        address, port = sockets[0].getsockname()[:2]
        host = "localhost" if self._host == "localhost" else address
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._server = LoopbackServer(self._respond)
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
            return refuse(403)
        path, _, query = request.raw_path.partition("?")
        if path != self._path:
            return refuse(404)
        if request.method == "GET":
            return _show(self._judge(_raw(query)) if query else self._page_without_answer())
        if request.method == "POST":
            return await self._take_form(request)
        return refuse(405, {"Allow": "GET, POST"})

    async def _take_form(self, request: web.BaseRequest) -> web.Response:
        if not _is_from(request, without_default_port(self._origin)):
            return refuse(403)
        if request.content_type != _FORM:
            return refuse(415)
        try:
            body = await _read(request, MAX_ANSWER_BYTES)
        except (web.RequestPayloadError, ConnectionError):
            return refuse(400)
        if body is None:
            return refuse(413)
        page = self._judge(body)
        return reply(pages.render_json(page), "application/json", page.status)

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
    return reply(pages.render_html(page), "text/html", page.status)


def _checked_path(path: str) -> str:
    if re.fullmatch(r"/[!-~]*", path) and not set(path) & set("?#"):
        return path
    raise TokenConfigurationError(
        f"The redirect listener's path is {path!r}; write one that starts with a slash "
        "and has no query, fragment or space, percent-encoded."
    )
