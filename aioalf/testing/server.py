"""`OAuthServer`: the authorization server, the API and another origin, on loopback ports.

It starts and stops the servers and records their requests. The responses are made in `_server`.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, fields, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from aiohttp import web

from aioalf.testing._behaviours import behaviour_of
from aioalf.testing._server.administration import Administration
from aioalf.testing._server.api import ProtectedApi, respond_at_other_origin
from aioalf.testing._server.authorization_server import AuthorizationServer
from aioalf.testing._server.loopback_server import LoopbackServer
from aioalf.testing._server.state.clients import ClientRegistry
from aioalf.testing.behaviour import Behaviour
from aioalf.testing.faults import FaultTable
from aioalf.testing.records import ReceivedBody, RecordedRequest, Traffic
from aioalf.testing.settings import DescribedProvider, Settings


@dataclass(kw_only=True, eq=False, repr=False)
class OAuthServer(Settings, Traffic, Administration):
    """An OAuth 2 authorization server and a protected API on loopback, for tests.

    Use it with ``async with``, or call `start` and `close`. Every option of `Settings` is a keyword
    argument of the constructor and an attribute that can be set at any time.

    Attributes:
        client_id: The id of a client that is registered from the start, for every grant and scope.
        client_secret: The secret of that client.
        faults: The fault of each endpoint, or None.
    """

    if not TYPE_CHECKING:  # pragma: no branch - type checkers know the options anyway

        def __setattr__(self, name: str, value: object) -> None:
            """Set an option. Raises AttributeError if there is no option of this name."""
            is_made = "_servers" in self.__dict__
            if is_made and not name.startswith("_") and not hasattr(self, name):
                names = ", ".join(sorted(each.name for each in fields(Settings)))
                raise AttributeError(f"OAuthServer has no option {name!r}; its options are {names}")
            super().__setattr__(name, value)

    def __post_init__(self) -> None:
        Traffic.__init__(self)
        self._traffic = self
        self.client_id: str = "client-id"
        self.client_secret: str = "secret"
        self.faults: FaultTable = FaultTable(self)
        self._clients = ClientRegistry()
        self.add_client(self.client_id, self.client_secret)
        self._authorization = AuthorizationServer(
            self,
            self,
            self._clients,
            self.faults,
            origin=lambda: self._started()[0],
            api_origin=lambda: self._started()[1],
            mtls_origin=lambda: self._mtls_origin,
        )
        self._api = ProtectedApi(self, self._authorization.tokens)
        self._mtls_origin: str | None = None
        self._origins: tuple[str, str, str] | None = None
        self._servers = AsyncExitStack()
        if self.behaves_like is not None:
            self._behave_like(self.behaves_like)

    def _behave_like(self, provider: DescribedProvider) -> None:
        self.behaviour: Behaviour = behaviour_of(provider.name)
        standard = {each.name: each for each in fields(Settings)}
        for name, value in self.behaviour.options.items():
            if getattr(self, name) == standard[name].default:
                setattr(self, name, value)

    async def start(self) -> None:
        """Listen on ports of 127.0.0.1: ``port`` and ``api_port`` if they are set, else free ones.

        Raises:
            RuntimeError: If the server has been started already.
            OSError: If a port cannot be used, for example because another program uses it.
        """
        if self._origins is not None:
            raise RuntimeError("The server has been started already.")
        authorize, mtls = self._authorization.respond, self.mtls_context
        async with AsyncExitStack() as servers:
            origins = (
                await self._open(
                    servers,
                    LoopbackServer(
                        "authorization", authorize, self._record, self.ssl_context, self.port
                    ),
                ),
                await self._open(
                    servers,
                    LoopbackServer("api", self._respond_api, self._record, port=self.api_port),
                ),
                await self._open(
                    servers, LoopbackServer("other", self._respond_other, self._record)
                ),
            )
            if mtls is not None:
                server = LoopbackServer("authorization", authorize, self._record, mtls)
                self._mtls_origin = await self._open(servers, server)
            self._origins, self._servers = origins, servers.pop_all()

    async def close(self) -> None:
        """Stop at once and cancel the requests in flight. Tokens and counters are kept."""
        self._origins = self._mtls_origin = None
        await self._servers.aclose()

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
    def provider(self) -> Any:  # noqa: ANN401 - the type belongs to the client side
        """The provider of ``behaves_like`` with the URLs of this server in place of its own.

        Pass it to a client: ``Client(provider=server.provider, client_id=server.client_id, ...)``.

        Raises:
            RuntimeError: If the server is not started, or ``behaves_like`` was not given.
        """
        provider = self.behaves_like
        if provider is None:
            raise RuntimeError("Pass behaves_like, such as OAuthServer(behaves_like=github()).")
        urls: dict[str, object] = {
            "endpoints": {name: self._authorization.url(name) for name in provider.endpoints}
        }
        if provider.issuer is not None:
            urls["issuer"], urls["metadata_url"] = self.issuer, None
        if provider.base_url is not None:
            urls["base_url"] = f"{self.api_url}/"
        return replace(cast("Any", provider), **urls)

    @property
    def issuer(self) -> str:
        """The issuer identifier, from which a client finds the metadata (RFC 8414).

        Raises:
            RuntimeError: If the server is not started; the other URLs raise it too.
        """
        return self._authorization.issuer

    @property
    def token_endpoint(self) -> str:
        """The URL of the token endpoint."""
        return self._authorization.url("token_endpoint")

    @property
    def authorization_endpoint(self) -> str:
        """The URL of the login page; ``token_endpoint + "/authorize"`` shows it too."""
        return self._authorization.url("authorization_endpoint")

    @property
    def pushed_authorization_request_endpoint(self) -> str:
        """The URL of the pushed authorization request endpoint (RFC 9126)."""
        return self._authorization.url("pushed_authorization_request_endpoint")

    @property
    def device_authorization_endpoint(self) -> str:
        """The URL of the device authorization endpoint (RFC 8628)."""
        return self._authorization.url("device_authorization_endpoint")

    @property
    def revocation_endpoint(self) -> str:
        """The URL of the revocation endpoint (RFC 7009)."""
        return self._authorization.url("revocation_endpoint")

    @property
    def introspection_endpoint(self) -> str:
        """The URL of the introspection endpoint (RFC 7662)."""
        return self._authorization.url("introspection_endpoint")

    @property
    def api_url(self) -> str:
        """The origin of the API, which responds to any path and method with the request as JSON."""
        return self._started()[1]

    @property
    def other_url(self) -> str:
        """Another origin that responds with 200. Requests that carry a token are in ``leaked``."""
        return self._started()[2]

    def url(self, path: str) -> str:
        """Return the URL of a path at the API.

        Args:
            path: The path with its leading slash.
        """
        return self.api_url + path

    def _started(self) -> tuple[str, str, str]:
        if self._origins is None:
            raise RuntimeError("The server is not started: use `async with` or `await start()`.")
        return self._origins

    async def _open(self, servers: AsyncExitStack, server: LoopbackServer) -> str:
        servers.push_async_callback(server.close)
        return await server.start()

    def _record(self, recorded: RecordedRequest) -> None:
        self.log.append(recorded)
        token_headers = ("Authorization", self.token_header)
        if recorded.server == "other" and any(name in recorded.headers for name in token_headers):
            self.leaked.append(recorded)
        if self.on_request is not None:
            self.on_request(recorded)

    async def _respond_api(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        self.count("api_requests")
        self.count_request("api")
        response = await self.faults.apply("api", request)
        if response is None:
            response = await self._api.respond(request, body)
        if response.status == web.HTTPUnauthorized.status_code:
            self.count("rejected_requests")
        return response

    async def _respond_other(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        self.count("other_requests")
        return respond_at_other_origin(request, body)
