"""A web server on this machine that waits for the redirect of one sign-in.

Checks Host, Origin and `state`. Must not know which grant it serves. The response that it receives
is secret: it must not appear in a log or an error message.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Collection, Mapping
from typing import Final, Self, TypeAlias
from urllib.parse import parse_qsl

from aiohttp import web

from aioalf._browser import pages
from aioalf._browser.custom_pages import CustomPages
from aioalf._browser.listener_connections import MAX_RESPONSE_BYTES, LoopbackServer, refuse, reply
from aioalf._browser.open_url import instructions, log_instructions, open_url
from aioalf._browser.redirect_uri import RedirectUri
from aioalf._browser.sockets import listen
from aioalf._callbacks import OpenBrowser, run_while_showing
from aioalf._hidden_repr import MaskedDict
from aioalf.errors import TokenError

__all__ = ("RedirectListener",)

MAX_PARAMETERS: Final = 64

_FORM: Final = "application/x-www-form-urlencoded"
_ANY_PORT: Final = RedirectUri()

Response: TypeAlias = Mapping[str, str]
"""The parameters of an authorization response."""


class RedirectListener:
    """Listens on loopback during one sign-in, and returns the authorization response to it.

    The sockets are open inside `async with` (RFC 8252 §7.3, §8.3, §8.9, §8.10).

    Args:
        redirect_uri: Host, ports and path to listen on.
        awaited: A response must contain one of these parameters, or `error`.
        find_error: Returns the error to raise for a response that must not be used, or None. It is
            called before the page is chosen, so that the page shows nothing of such a response.
        custom_pages: HTML documents that replace the listener's own.

    Raises:
        ListenerError: No port is available, on entering `async with`.
    """

    def __init__(
        self,
        redirect_uri: RedirectUri = _ANY_PORT,
        *,
        awaited: Collection[str],
        find_error: Callable[[Response], TokenError | None] = lambda _: None,
        custom_pages: CustomPages | None = None,
    ) -> None:
        self._uri = redirect_uri
        self._path = redirect_uri.path or "/"
        self._awaited = frozenset(awaited)
        self._find_error = find_error
        self._custom_pages = custom_pages or CustomPages()
        self._address = self._authority = ""
        self._port = 0
        self._server: LoopbackServer | None = None
        self._waiting: tuple[bytes, asyncio.Future[Response | TokenError]] | None = None

    @property
    def redirect_uri(self) -> str:
        """The redirect URI with its port, which is known inside `async with`."""
        return self._origin + self._uri.path

    async def sign_in(
        self,
        url: str,
        state: str,
        open_browser: OpenBrowser | None,
        tell: Callable[[str], None] = log_instructions,
    ) -> Response:
        """Show the URL of an authorization request, and `wait` meanwhile.

        Calls `tell` with instructions for the user if no browser could be opened. Raises TokenError
        if `open_browser` fails.
        """
        return await run_while_showing(self._show_url(url, open_browser, tell), self.wait(state))

    async def wait(self, state: str) -> Response:
        """Return the parameters of the authorization response with this `state`.

        Ignores responses that have another `state`, repeat a parameter or lack an awaited one.
        Parameters without a value are left out (RFC 6749 §3.1). There is no time limit.
        Raises the TokenError of `find_error`, ValueError for an empty state, and RuntimeError if
        this method was called before: each sign-in needs its own state (RFC 9700 §2.1.1).
        """
        if not state:
            raise ValueError("The state is empty: it must be unguessable.")
        if self._waiting is not None:
            raise RuntimeError("This listener was used: make a new one for each sign-in.")
        future: asyncio.Future[Response | TokenError] = asyncio.get_running_loop().create_future()
        self._waiting = (state.encode(), future)
        result = await future
        if isinstance(result, TokenError):
            raise result
        return result

    async def __aenter__(self) -> Self:
        if self._authority:
            raise RuntimeError("This listener was used: make a new one for each sign-in.")
        sockets = listen(self._uri)
        address, self._port = sockets[0].getsockname()[:2]
        self._address = f"[{address}]" if ":" in address else address
        host = "localhost" if self._uri.host == "localhost" else self._address
        self._authority = f"{host}:{self._port}"
        self._server = LoopbackServer(self._respond)
        await self._server.start(sockets)
        return self

    async def __aexit__(self, *_: object) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    async def _show_url(
        self, url: str, open_browser: OpenBrowser | None, tell: Callable[[str], None]
    ) -> None:
        if not await open_url(url, open_browser):
            tell(instructions(url, self._address, self._port))

    @property
    def _origin(self) -> str:
        return f"http://{self._authority}"

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        # After DNS rebinding, a foreign page sends its own name here.
        if request.headers.getall("Host", []) != [without_default_port(self._authority)]:
            return refuse(403)
        path, _, query = request.raw_path.partition("?")
        if path != self._path:
            return refuse(404)
        if request.method == "GET":
            if query:
                return self._show(self._accept(query.encode("utf-8", "surrogateescape")))
            return self._show(pages.NOTHING_TO_DO if self._is_finished else pages.SIGNING_IN)
        if request.method == "POST":
            return await self._accept_form(request)
        return refuse(405, {"Allow": "GET, POST"})

    async def _accept_form(self, request: web.BaseRequest) -> web.Response:
        """Take a response that the script of the sign-in page posts."""
        if not _is_from(request, without_default_port(self._origin)):
            return refuse(403)
        if request.content_type != _FORM:
            return refuse(415)
        try:
            body = await _read(request, MAX_RESPONSE_BYTES)
        except (web.RequestPayloadError, ConnectionError):
            return refuse(400)
        if body is None:
            return refuse(413)
        page = self._accept(body)
        text = pages.render_json(page, self._custom_pages.document(page))
        return reply(text, "application/json", page.status)

    @property
    def _is_finished(self) -> bool:
        if self._waiting is None:
            return False
        _, future = self._waiting
        return future.done() and not future.cancelled()

    def _accept(self, encoded: bytes) -> pages.Page:
        """Finish the wait if these parameters are its response; return the page to show."""
        if self._is_finished:
            return pages.NOTHING_TO_DO
        response = _parameters(encoded)
        if self._waiting is None or response is None or not self._is_complete(response):
            return pages.TRY_AGAIN
        state, future = self._waiting
        # A cancelled wait is over, even if its task has not run since.
        if future.done() or not hmac.compare_digest(response["state"].encode(), state):
            return pages.TRY_AGAIN
        error = self._find_error(response)
        future.set_result(response if error is None else error)
        return _page_of(response) if error is None else pages.DISCARDED

    def _is_complete(self, response: Response) -> bool:
        return "state" in response and (
            "error" in response or not self._awaited.isdisjoint(response)
        )

    def _show(self, page: pages.Page) -> web.Response:
        document = self._custom_pages.document(page)
        # The script of the sign-in page replaces its document with a custom one after the sign-in.
        is_replaced = page is pages.SIGNING_IN and self._custom_pages.signed_in is not None
        headers = pages.CUSTOM_HEADERS if document or is_replaced else pages.HEADERS
        return reply(document or pages.render_html(page), "text/html", page.status, headers)


def _page_of(response: Response) -> pages.Page:
    if "error" in response:
        return pages.refused(response.get("error_description", response["error"]))
    return pages.SIGNED_IN


def _parameters(encoded: bytes) -> dict[str, str] | None:
    """Parse form-encoded parameters; None if they are malformed or one is repeated."""
    try:
        pairs = parse_qsl(
            encoded.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        return None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        return None
    return MaskedDict({name: value for name, value in parameters.items() if value})


def without_default_port(url: str) -> str:
    """Return the URL or authority as browsers send it, without ":80"."""
    return url.removesuffix(":80")


def _is_from(request: web.BaseRequest, origin: str) -> bool:
    site = request.headers.getall("Sec-Fetch-Site", ["same-origin"])
    return request.headers.getall("Origin", []) == [origin] and site == ["same-origin"]


async def _read(request: web.BaseRequest, limit: int) -> bytes | None:
    """Return the body, or None if it is longer than the limit."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)
