"""`OAuthServer`: the authorization server, the API and another origin, put together.

Counts, logs and fails where it is told to; what is right to answer is said by the parts.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from aioalf.testing._server.addresses import Addresses
from aioalf.testing._server.administration import Administration
from aioalf.testing._server.api import ProtectedApi, other_origin_answer
from aioalf.testing._server.authorization_server import AuthorizationServer
from aioalf.testing._server.site import Site
from aioalf.testing._server.state.clients import ClientRegistry
from aioalf.testing.fault_table import FaultTable
from aioalf.testing.records import Exchange, ReceivedBody, Traffic
from aioalf.testing.settings import Settings


@dataclass(kw_only=True, eq=False, repr=False)
class OAuthServer(Settings, Traffic, Addresses, Administration):
    """An authorization server and an API on loopback, for ``async with``, or `start` and `close`.

    The switches of `Settings` are keywords and attributes, the counters of `Traffic` attributes;
    ``faults`` and ``changes`` say, by endpoint, what fails and what is answered in another way.
    One client is registered: ``client_id`` and ``client_secret``, any scope, any loopback port.
    """

    def __post_init__(self) -> None:
        Traffic.__init__(self)
        self._traffic = self
        self.client_id = "client-id"
        self.client_secret = "secret"
        self.faults: FaultTable = FaultTable(self)
        self._clients = ClientRegistry()
        self.add_client(self.client_id, self.client_secret)
        self._authorization = AuthorizationServer(
            self,
            self,
            self._clients,
            self.faults,
            origin=lambda: self._started()[0],
            mtls_origin=lambda: self._mtls_origin,
        )
        self._api = ProtectedApi(self, self._authorization.tokens)
        self._mtls_origin: str | None = None
        self._origins: tuple[str, str, str] | None = None
        self._sites = AsyncExitStack()

    async def start(self) -> None:
        """Listen on free ports of 127.0.0.1; RuntimeError when that is done already."""
        if self._origins is not None:
            raise RuntimeError("The server is started already.")
        authorize, mtls = self._authorization.answer, self.mtls_context
        async with AsyncExitStack() as sites:
            origins = (
                await self._open(
                    sites, Site("authorization", authorize, self._log, self.ssl_context)
                ),
                await self._open(sites, Site("api", self._answer_api, self._log)),
                await self._open(sites, Site("other", self._answer_other, self._log)),
            )
            if mtls is not None:
                site = Site("authorization", authorize, self._log, mtls)
                self._mtls_origin = await self._open(sites, site)
            self._origins, self._sites = origins, sites.pop_all()

    async def close(self) -> None:
        """Stop at once, whatever is being answered; tokens and counters stay as they are."""
        self._origins = self._mtls_origin = None
        await self._sites.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def api_url(self) -> str:
        """The API's origin: any path and method answers what arrived, as JSON."""
        return self._started()[1]

    @property
    def other_url(self) -> str:
        """Another origin, which answers 200 and lists in ``leaked`` who brought it a token."""
        return self._started()[2]

    def url(self, path: str) -> str:
        """The API's URL of a path, which begins with a slash."""
        return self.api_url + path

    def _started(self) -> tuple[str, str, str]:
        if self._origins is None:
            raise RuntimeError("The server is not started: use `async with`, or `start()`.")
        return self._origins

    async def _open(self, sites: AsyncExitStack, site: Site) -> str:
        sites.push_async_callback(site.close)
        return await site.start()

    def _log(self, exchange: Exchange) -> None:
        self.log.append(exchange)
        if exchange.server == "other" and "Authorization" in exchange.headers:
            self.leaked.append(exchange)

    async def _answer_api(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        self.count("api_requests")
        self.count_request("api")
        response = await self._faulty_or_right_api(request, body)
        if response.status == web.HTTPUnauthorized.status_code:
            self.count("rejected_requests")
        return response

    async def _faulty_or_right_api(
        self, request: web.Request, body: ReceivedBody
    ) -> web.StreamResponse:
        fault = self.faults.take("api")
        if fault is not None and (response := await fault.strike(request)) is not None:
            return response
        return await self._api.answer(request, body)

    async def _answer_other(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        self.count("other_requests")
        return other_origin_answer(request, body)
