"""A protected resource that introspects every token at the provider (RFC 6750, RFC 7662).

Records the status of each response. Must not know clients.
"""

import asyncio
from types import TracebackType
from typing import Self

from aiohttp import ClientSession, web

from tests.interop.client_registrations import RESOURCE_SERVER
from tests.interop.provider import Provider

WRITE_SCOPE = "things:write"


class ResourceServer:
    """Serves ``/things`` on a free loopback port; a POST needs the scope ``things:write``."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._barrier: asyncio.Barrier | None = None
        self._tokens: set[str] = set()
        self._rejected = frozenset[str]()
        self.statuses: list[int] = []
        self.url = ""

    def reject_known_tokens(self) -> None:
        """Reject every token that was received so far, even if it is active."""
        self._rejected = frozenset(self._tokens)

    def hold_until_arrived(self, count: int) -> None:
        """Hold the responses to the next `count` requests until all of them have arrived."""
        self._barrier = asyncio.Barrier(count)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/things", self._handle)
        self._session = ClientSession()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=512).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/things"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.Response:
        if (barrier := self._barrier) is not None:
            await barrier.wait()
            self._barrier = None
        response = await self._respond(request)
        self.statuses.append(response.status)
        return response

    async def _respond(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return _refuse(401, 'Bearer realm="things"')
        self._tokens.add(token)
        if token in self._rejected:
            return _refuse(401, 'Bearer realm="things", error="invalid_token"')
        info = await self._provider.introspect(self._session, token, RESOURCE_SERVER)
        if info["active"] is not True:
            return _refuse(401, 'Bearer realm="things", error="invalid_token"')
        scopes = str(info.get("scope", "")).split()
        if request.method == "POST" and WRITE_SCOPE not in scopes:
            return _refuse(403, f'Bearer error="insufficient_scope", scope="{WRITE_SCOPE}"')
        body = await request.text()
        return web.json_response(
            {
                "client_id": info["client_id"],
                "user": info.get("sub"),
                "audience": info.get("aud"),
                "scope": scopes,
                "body": body,
            }
        )


def _refuse(status: int, challenge: str) -> web.Response:
    return web.Response(status=status, headers={"WWW-Authenticate": challenge})
