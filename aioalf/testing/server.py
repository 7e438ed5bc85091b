"""`OAuthServer`: the authorization server, the API and another origin, put together.

Counts, logs and fails where it is told to; what is right to answer is said by the parts.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from aiohttp import web

from aioalf.testing.api import ProtectedApi, other_origin_answer
from aioalf.testing.clients import LOOPBACK_REDIRECT_URIS, ClientRegistry
from aioalf.testing.login import LoginEndpoint
from aioalf.testing.records import Exchange, ReceivedBody, Traffic
from aioalf.testing.settings import Settings, take_api_fault, take_token_fault
from aioalf.testing.site import Site
from aioalf.testing.token_endpoint import TokenEndpoint
from aioalf.testing.tokens import TokenStore

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType


@dataclass(kw_only=True, eq=False, repr=False)
class OAuthServer(Settings, Traffic):
    """An authorization server and an API on loopback, for ``async with``, or `start` and `close`.

    The switches of `Settings` are keywords and attributes, the counters of `Traffic` attributes.
    One client is registered: ``client_id`` and ``client_secret``, any scope, any loopback port.
    """

    def __post_init__(self) -> None:
        Traffic.__init__(self)
        self.client_id = "client-id"
        self.client_secret = "secret"
        self._clients = ClientRegistry()
        self.add_client(self.client_id, self.client_secret)
        self._tokens = TokenStore(self)
        self._token_endpoint = TokenEndpoint(self, self._clients, self._tokens)
        self._login = LoginEndpoint(
            self, self._clients, self._tokens, signed_in=lambda: self.count("logins")
        )
        self._api = ProtectedApi(self, self._tokens)
        self._origins: tuple[str, str, str] | None = None
        self._sites = AsyncExitStack()

    async def start(self) -> None:
        """Listen on three free ports of 127.0.0.1; RuntimeError when that is done already."""
        if self._origins is not None:
            raise RuntimeError("The server is started already.")
        async with AsyncExitStack() as sites:
            self._origins = (
                await self._open(sites, Site("authorization", self._authorize, self._log)),
                await self._open(sites, Site("api", self._answer_api, self._log)),
                await self._open(sites, Site("other", self._answer_other, self._log)),
            )
            self._sites = sites.pop_all()

    async def close(self) -> None:
        """Stop at once, whatever is being answered; tokens and counters stay as they are."""
        self._origins = None
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
    def token_endpoint(self) -> str:
        """Where tokens are asked for; RuntimeError unless started, as for each URL here."""
        return f"{self._started()[0]}/token"

    @property
    def authorization_endpoint(self) -> str:
        """The login page; it is at ``token_endpoint + "/authorize"`` as well."""
        return f"{self._started()[0]}/authorize"

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

    def add_client(
        self,
        client_id: str,
        client_secret: str,
        *,
        redirect_uris: Iterable[str] = LOOPBACK_REDIRECT_URIS,
        scopes: Iterable[str] | None = None,
    ) -> None:
        """Register a client, in place of one with the same id.

        ``redirect_uris`` are compared whole, on loopback without the port (RFC 8252 §7.3);
        ``scopes`` None lets it ask for any.
        """
        self._clients.add(client_id, client_secret, redirect_uris, scopes)

    def revoke(self, access_token: str) -> None:
        """Refuse one token from now on."""
        self._tokens.revoke(access_token)

    def revoke_all(self) -> None:
        """Refuse every token issued so far."""
        self._tokens.revoke_all()

    def expire_all(self) -> None:
        """End the life of every token issued so far, as if the time had come."""
        self._tokens.expire_all()

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

    async def _authorize(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        match request.path:
            case "/token":
                return await self._answer_token(request, body)
            case "/authorize" | "/token/authorize":
                return self._login.answer(request, body)
            case _:
                return web.Response(status=404, text="Here are /token and /authorize.")

    async def _answer_token(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        self.count("token_requests")
        fault = take_token_fault(self)
        if fault is not None and (response := await fault.strike(request)) is not None:
            return response
        return self._token_endpoint.answer(request, body)

    async def _answer_api(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        self.count("api_requests")
        response = await self._faulty_or_right_api(request, body)
        if response.status == web.HTTPUnauthorized.status_code:
            self.count("rejected_requests")
        return response

    async def _faulty_or_right_api(
        self, request: web.Request, body: ReceivedBody
    ) -> web.StreamResponse:
        fault = take_api_fault(self)
        if fault is not None and (response := await fault.strike(request)) is not None:
            return response
        return await self._api.answer(request, body)

    async def _answer_other(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        self.count("other_requests")
        return other_origin_answer(request, body)
