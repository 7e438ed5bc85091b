"""An HTTP proxy that answers token requests and API requests itself."""

import asyncio
from typing import Self

from aiohttp import web
from aiohttp.test_utils import RawTestServer
from multidict import CIMultiDictProxy


class HTTPProxy:
    """A proxy that answers all requests itself, and records their URLs and headers."""

    def __init__(self) -> None:
        self.requested: list[str] = []
        self.headers: list[CIMultiDictProxy[str]] = []
        self._arrived = asyncio.Condition()
        self._server = RawTestServer(self._respond)

    @property
    def url(self) -> str:
        """The URL of the proxy."""
        return str(self._server.make_url("/"))

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def reached(self, count: int) -> None:
        """Wait until the proxy has received that many requests."""
        async with asyncio.timeout(5), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requested) >= count)

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        async with self._arrived:
            self.requested.append(str(request.url))
            self.headers.append(request.headers)
            self._arrived.notify_all()
        return web.json_response({"access_token": "abc", "expires_in": 3600, "active": True})
