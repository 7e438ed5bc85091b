"""One origin: a web server on a free loopback port that hands every request to one function.

Knows sockets and tasks, and how to be gone at once; knows nothing of what is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from ssl import SSLContext
from typing import cast

from aiohttp import web

from aioalf.testing._server.forms import lenient_form
from aioalf.testing.records import Exchange, ReceivedBody

HOST = "127.0.0.1"
_CLOSING_SECONDS = 0.1

Answer = Callable[[web.Request, ReceivedBody], Awaitable[web.StreamResponse]]


class Site:
    """Serves once, from `start` to `close`; ``record`` is told of every exchange that has ended."""

    def __init__(
        self,
        name: str,
        answer: Answer,
        record: Callable[[Exchange], None],
        ssl_context: SSLContext | None = None,
    ) -> None:
        self._name = name
        self._ssl_context = ssl_context
        self._answer = answer
        self._record = record
        self._handlers: set[asyncio.Task[object]] = set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,  # it would write tokens that are in a URL to the log
            handler_cancellation=True,
            shutdown_timeout=_CLOSING_SECONDS,
        )

    async def start(self) -> str:
        """Listen on a free port, and say the origin's URL."""
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0, ssl_context=self._ssl_context).start()
        scheme = "http" if self._ssl_context is None else "https"
        return f"{scheme}://{HOST}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop listening, cancel what is being answered, and close every connection."""
        await _cancel(list(self._handlers))
        await self._runner.cleanup()
        await asyncio.sleep(0)  # connections end a turn of the loop after they are closed
        await asyncio.sleep(0)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._handlers.add(task)
        body, status = ReceivedBody(0, "", ""), None
        try:
            body = await ReceivedBody.read(request.content)
            response = await self._answer(request, body)
            status = _sent_status(request, response)
            return response
        finally:
            self._handlers.discard(task)
            self._record(self._exchange(request, body, status))

    def _exchange(self, request: web.Request, body: ReceivedBody, status: int | None) -> Exchange:
        url, headers = request.rel_url, request.headers
        form = lenient_form(headers.get("Content-Type", ""), body)
        method, path, query = request.method, url.raw_path, url.raw_query_string
        return Exchange(self._name, method, path, query, status, headers, form, body)


def _sent_status(request: web.Request, response: web.StreamResponse) -> int | None:
    is_gone = request.transport is None or request.transport.is_closing()
    return None if is_gone and not response.prepared else response.status


async def _cancel(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
