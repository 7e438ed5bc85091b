"""A protected resource that trusts nothing it holds: it asks the provider about every token.

RFC 6750 and RFC 7662. Knows the provider and no client; writes down what it answered.
"""

import asyncio
from types import TracebackType
from typing import Self

from aiohttp import ClientSession, web

from tests.interop.provider import Provider
from tests.interop.registered import AT_THE_PROVIDER

WRITE_SCOPE = "things:write"


class ResourceServer:
    """Serves ``/things`` on a free loopback port; a POST needs the scope ``things:write``."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._wave: asyncio.Barrier | None = None
        self._tokens: set[str] = set()
        self._distrusted = frozenset[str]()
        self.statuses: list[int] = []
        self.url = ""

    def distrust(self) -> None:
        """Refuse from now on every token that was seen until now, whatever the provider says."""
        self._distrusted = frozenset(self._tokens)

    def hold_until_arrived(self, count: int) -> None:
        """Answer none of the next so many requests before all of them have arrived."""
        self._wave = asyncio.Barrier(count)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/things", self._answer)
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

    async def _answer(self, request: web.Request) -> web.Response:
        if (wave := self._wave) is not None:
            await wave.wait()
            self._wave = None
        response = await self._judge(request)
        self.statuses.append(response.status)
        return response

    async def _judge(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return _refuse(401, 'Bearer realm="things"')
        self._tokens.add(token)
        if token in self._distrusted:
            return _refuse(401, 'Bearer realm="things", error="invalid_token"')
        said = await self._provider.introspect(self._session, token, AT_THE_PROVIDER)
        if said["active"] is not True:
            return _refuse(401, 'Bearer realm="things", error="invalid_token"')
        scopes = str(said.get("scope", "")).split()
        if request.method == "POST" and WRITE_SCOPE not in scopes:
            return _refuse(403, f'Bearer error="insufficient_scope", scope="{WRITE_SCOPE}"')
        body = await request.text()
        return web.json_response(
            {
                "client_id": said["client_id"],
                "user": said.get("sub"),
                "audience": said.get("aud"),
                "scope": scopes,
                "body": body,
            }
        )


def _refuse(status: int, challenge: str) -> web.Response:
    return web.Response(status=status, headers={"WWW-Authenticate": challenge})
