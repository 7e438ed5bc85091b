"""The authorization server: it routes each path to an endpoint, and applies faults.

The responses are made in `endpoints`.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from aioalf.testing._server import jwt_assertions
from aioalf.testing._server.client_authentication import ClientAuthenticator
from aioalf.testing._server.endpoints.authorization import AuthorizationEndpoint
from aioalf.testing._server.endpoints.authorization_request import PushedRequests
from aioalf.testing._server.endpoints.device import DeviceAuthorizationEndpoint, VerificationPage
from aioalf.testing._server.endpoints.form_endpoint import FormEndpoint, FormHandler
from aioalf.testing._server.endpoints.introspection import IntrospectionEndpoint
from aioalf.testing._server.endpoints.revocation import RevocationEndpoint
from aioalf.testing._server.endpoints.token import TokenEndpoint
from aioalf.testing._server.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    DeviceCodeGrant,
    Grant,
    JWTBearerGrant,
    RefreshTokenGrant,
    TokenExchangeGrant,
)
from aioalf.testing._server.metadata import (
    DEVICE_PAGE_PATH,
    ENDPOINT_PATHS,
    metadata,
    well_known_paths,
)
from aioalf.testing._server.responses import json_response
from aioalf.testing._server.state.clients import ClientRegistry
from aioalf.testing._server.state.codes import CodeStore
from aioalf.testing._server.state.devices import DeviceStore
from aioalf.testing._server.state.tokens import AccessTokenStore, RefreshTokenStore
from aioalf.testing._server.token_response import TokenIssuer
from aioalf.testing.endpoint_names import Endpoint
from aioalf.testing.faults import FaultTable
from aioalf.testing.records import ReceivedBody, Traffic
from aioalf.testing.settings import Settings

Handler = Callable[[web.Request, ReceivedBody], web.Response]

_ENDPOINTS: dict[str, Endpoint] = {
    ENDPOINT_PATHS["authorization_endpoint"]: "authorization",
    ENDPOINT_PATHS["token_endpoint"] + "/authorize": "authorization",  # the path 0.4.0 uses
    ENDPOINT_PATHS["token_endpoint"]: "token",
    ENDPOINT_PATHS["pushed_authorization_request_endpoint"]: "pushed_authorization_request",
    ENDPOINT_PATHS["device_authorization_endpoint"]: "device_authorization",
    DEVICE_PAGE_PATH: "device_verification",
    ENDPOINT_PATHS["revocation_endpoint"]: "revocation",
    ENDPOINT_PATHS["introspection_endpoint"]: "introspection",
}


class AuthorizationServer:
    """The endpoints below the issuer, and the metadata."""

    def __init__(
        self,
        settings: Settings,
        traffic: Traffic,
        clients: ClientRegistry,
        faults: FaultTable,
        origin: Callable[[], str],
        api_origin: Callable[[], str],
        mtls_origin: Callable[[], str | None],
    ) -> None:
        self._settings = settings
        self._traffic = traffic
        self._faults = faults
        self._origin = origin
        self._mtls_origin = mtls_origin
        self.tokens: AccessTokenStore = AccessTokenStore(settings)
        self.refresh_tokens: RefreshTokenStore = RefreshTokenStore(settings, self.tokens)
        self.devices: DeviceStore = DeviceStore(settings)
        self._authenticator = ClientAuthenticator(settings, clients, lambda: self.issuer)
        self._codes = CodeStore(settings, self.refresh_tokens)
        self._issuer = TokenIssuer(settings, self.tokens, self.refresh_tokens)
        self.token_exchange: TokenExchangeGrant = TokenExchangeGrant(
            settings, self.tokens, self._issuer
        )
        self.jwt_bearer: JWTBearerGrant = JWTBearerGrant(
            settings, self._assertion_audiences, self._issuer
        )
        self._pushed = PushedRequests(settings, clients)
        self._token_endpoint = TokenEndpoint(
            settings, self._grants(), traffic.count_granted, api_origin
        )
        self._handlers = self._make_handlers()

    @property
    def issuer(self) -> str:
        """The issuer identifier (RFC 8414 §2)."""
        return self._origin() + self._settings.issuer_path

    def url(self, endpoint: str) -> str:
        """Return the URL of an endpoint, by its name in the metadata."""
        return self._base() + ENDPOINT_PATHS[endpoint]

    def _base(self) -> str:
        return self._origin() + self._settings.issuer_path.rstrip("/")

    async def respond(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        """Count the request, apply the endpoint's fault, or else return the normal response."""
        endpoint = self._endpoint(request.path)
        if endpoint is None:
            return web.Response(status=404, text="There is no endpoint at this path.")
        self._traffic.count_request(endpoint)
        if endpoint == "token":
            self._traffic.count("token_requests")
        response = await self._faults.apply(endpoint, request)
        return self._handlers[endpoint](request, body) if response is None else response

    def _endpoint(self, path: str) -> Endpoint | None:
        if path in well_known_paths(self._settings):
            return "metadata"
        base = self._settings.issuer_path.rstrip("/")
        return _ENDPOINTS.get(path.removeprefix(base)) if path.startswith(base) else None

    def _grants(self) -> dict[str, Grant]:
        settings, issuer = self._settings, self._issuer
        grants: dict[str, Grant] = {
            ClientCredentialsGrant.name: ClientCredentialsGrant(settings, issuer),
            AuthorizationCodeGrant.name: AuthorizationCodeGrant(settings, self._codes, issuer),
            RefreshTokenGrant.name: RefreshTokenGrant(settings, self.refresh_tokens, issuer),
            DeviceCodeGrant.name: DeviceCodeGrant(settings, self.devices, issuer),
            TokenExchangeGrant.name: self.token_exchange,
        }
        if jwt_assertions.is_available():
            grants[JWTBearerGrant.name] = self.jwt_bearer
        return grants

    def _assertion_audiences(self) -> list[str]:
        return [self.issuer, self.url("token_endpoint")]

    def _make_handlers(self) -> dict[Endpoint, Handler]:
        settings = self._settings
        authorization = AuthorizationEndpoint(
            settings,
            lambda: self.issuer,
            self._pushed,
            self._codes,
            self._issuer,
            self._traffic,
        )
        device = DeviceAuthorizationEndpoint(
            settings, self.devices, lambda: self._base() + DEVICE_PAGE_PATH
        )
        introspection = IntrospectionEndpoint(
            settings, lambda: self.issuer, self.tokens, self.refresh_tokens
        )
        return {
            "metadata": self._respond_metadata,
            "authorization": authorization.respond,
            "pushed_authorization_request": self._form(self._pushed.respond),
            "token": self._form(self._token_endpoint.respond, JWTBearerGrant.name),
            "device_authorization": self._form(device.respond),
            "device_verification": VerificationPage(settings, self.devices, self._traffic).respond,
            "revocation": self._form(RevocationEndpoint(self.tokens, self.refresh_tokens).respond),
            "introspection": self._form(introspection.respond),
        }

    def _form(self, handler: FormHandler, *anonymous_grants: str) -> Handler:
        return FormEndpoint(
            self._authenticator,
            handler,
            self._traffic.count_refused,
            lambda: self._settings.behaviour,
            anonymous_grants=anonymous_grants,
        ).respond

    def _respond_metadata(self, request: web.Request, body: ReceivedBody) -> web.Response:
        del body
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        members = metadata(
            self._settings,
            self._origin(),
            grant_types=self._token_endpoint.grant_types(),
            auth_methods=self._authenticator.methods(),
            mtls_origin=self._mtls_origin(),
        )
        missing = self._settings.behaviour.missing_metadata
        members = {name: value for name, value in members.items() if name not in missing}
        return json_response(self._settings, "metadata", members)
