"""An HTTP server on a loopback port that passes every request to one function.

Must not know OAuth.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ssl import SSLContext
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from aioalf.testing._server.parameters import parse_form_leniently
from aioalf.testing.records import MAX_TEXT_BYTES, ReceivedBody, RecordedRequest

_HOST = "127.0.0.1"
_SHUTDOWN_TIMEOUT = 0.1  # seconds

Handler = Callable[[web.Request, ReceivedBody], Awaitable[web.StreamResponse]]


class LoopbackServer:
    """Runs from `start` to `close`; passes each request to ``record`` when it has ended."""

    def __init__(
        self,
        name: str,
        handler: Handler,
        record: Callable[[RecordedRequest], None],
        ssl_context: SSLContext | None = None,
        port: int | None = None,
    ) -> None:
        self._name = name
        self._port = port
        self._ssl_context = ssl_context
        self._handler = handler
        self._record = record
        self._tasks: set[asyncio.Task[object]] = set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,  # the access log would show tokens that are in a URL
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
        )

    async def start(self) -> str:
        """Listen, and return the origin, for example ``http://127.0.0.1:4000``.

        Without a port, a free one is used. Raises OSError if the port cannot be used.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, self._port or 0, ssl_context=self._ssl_context)
        try:
            await site.start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise OSError(
                error.errno,
                f"Port {self._port} of {_HOST} is in use: stop the program that uses it, or choose "
                "another port",
            ) from error
        scheme = "http" if self._ssl_context is None else "https"
        return f"{scheme}://{_HOST}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop listening, cancel the requests in flight, and close every connection."""
        await _cancel(list(self._tasks))
        await self._runner.cleanup()
        await asyncio.sleep(0)  # transports close their sockets in the next loop iterations
        await asyncio.sleep(0)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._tasks.add(task)
        body, status, error = ReceivedBody(0, "", ""), None, None
        try:
            body = await ReceivedBody.read(request.content)
            response = await self._handler(request, body)
            status = _sent_status(request, response)
            error = None if status is None else _error_in(response)
            return response
        finally:
            self._tasks.discard(task)
            self._record(self._recorded(request, body, status, error))

    def _recorded(
        self, request: web.Request, body: ReceivedBody, status: int | None, error: str | None
    ) -> RecordedRequest:
        return RecordedRequest(
            server=self._name,
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string,
            status=status,
            headers=request.headers,
            form=parse_form_leniently(request.headers.get("Content-Type", ""), body),
            body=body,
            error=error,
        )


def _sent_status(request: web.Request, response: web.StreamResponse) -> int | None:
    is_closed = request.transport is None or request.transport.is_closing()
    return None if is_closed and not response.prepared else response.status


def _error_in(response: web.StreamResponse) -> str | None:
    """Return ``error`` of a JSON body, or of the query or fragment of a redirect's URL."""
    location = urlsplit(response.headers.get("Location", ""))
    found: object = dict(parse_qsl(f"{location.query}&{location.fragment}"))
    body = response.body if isinstance(response, web.Response) else None
    if isinstance(body, bytes) and len(body) <= MAX_TEXT_BYTES:
        with suppress(ValueError, RecursionError):  # a fault may send anything
            found = json.loads(body)
    error = cast("dict[str, object]", found).get("error") if isinstance(found, dict) else None
    return error if isinstance(error, str) else None


async def _cancel(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
