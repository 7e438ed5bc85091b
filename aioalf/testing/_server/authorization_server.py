"""The authorization server: which path is which endpoint, and what each is made of.

Counts, and fails where it is told to; what is right to answer is said by the endpoints.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from aioalf.testing._server.answers import json_answer
from aioalf.testing._server.client_auth import jose
from aioalf.testing._server.client_auth.client_authentication import Authenticator
from aioalf.testing._server.endpoints.device_endpoint import DeviceEndpoint
from aioalf.testing._server.endpoints.device_page import DevicePage
from aioalf.testing._server.endpoints.form_endpoint import FormEndpoint, Respond
from aioalf.testing._server.endpoints.introspection import IntrospectionEndpoint
from aioalf.testing._server.endpoints.login import LoginEndpoint
from aioalf.testing._server.endpoints.pushed_requests import PushedRequests
from aioalf.testing._server.endpoints.revocation import RevocationEndpoint
from aioalf.testing._server.endpoints.token_endpoint import Grant, TokenEndpoint
from aioalf.testing._server.grants.authorization_code import AuthorizationCodeGrant
from aioalf.testing._server.grants.client_credentials import ClientCredentialsGrant
from aioalf.testing._server.grants.device_code import DeviceCodeGrant
from aioalf.testing._server.grants.jwt_bearer import JWTBearerGrant
from aioalf.testing._server.grants.refresh_token import RefreshTokenGrant
from aioalf.testing._server.grants.token_exchange import TokenExchangeGrant
from aioalf.testing._server.metadata import (
    DEVICE_PAGE_PATH,
    ENDPOINT_PATHS,
    metadata,
    well_known_paths,
)
from aioalf.testing._server.state.clients import ClientRegistry
from aioalf.testing._server.state.codes import CodeStore
from aioalf.testing._server.state.devices import DeviceStore
from aioalf.testing._server.state.mint import Mint
from aioalf.testing._server.state.refresh_tokens import RefreshTokenStore
from aioalf.testing._server.state.subject_tokens import SubjectTokens
from aioalf.testing._server.state.tokens import TokenStore
from aioalf.testing.fault_table import FaultTable
from aioalf.testing.records import ReceivedBody, Traffic
from aioalf.testing.settings import Endpoint, Settings

Answer = Callable[[web.Request, ReceivedBody], web.Response]

_ENDPOINTS: dict[str, Endpoint] = {
    ENDPOINT_PATHS["authorization_endpoint"]: "authorization",
    ENDPOINT_PATHS["token_endpoint"] + "/authorize": "authorization",  # where 0.4.0 asks
    ENDPOINT_PATHS["token_endpoint"]: "token",
    ENDPOINT_PATHS["pushed_authorization_request_endpoint"]: "pushed_authorization_request",
    ENDPOINT_PATHS["device_authorization_endpoint"]: "device_authorization",
    DEVICE_PAGE_PATH: "device_verification",
    ENDPOINT_PATHS["revocation_endpoint"]: "revocation",
    ENDPOINT_PATHS["introspection_endpoint"]: "introspection",
}


class AuthorizationServer:
    """Everything below the issuer, and the metadata beside it."""

    def __init__(
        self,
        settings: Settings,
        traffic: Traffic,
        clients: ClientRegistry,
        faults: FaultTable,
        origin: Callable[[], str],
        mtls_origin: Callable[[], str | None],
    ) -> None:
        self._settings = settings
        self._traffic = traffic
        self._faults = faults
        self._origin = origin
        self._mtls_origin = mtls_origin
        self.tokens: TokenStore = TokenStore(settings)
        self.refresh_tokens: RefreshTokenStore = RefreshTokenStore(settings, self.tokens)
        self.devices: DeviceStore = DeviceStore(settings)
        self.subject_tokens: SubjectTokens = SubjectTokens(self.tokens)
        self._authenticator = Authenticator(settings, clients, lambda: self.issuer)
        self._codes = CodeStore(settings, self.refresh_tokens)
        self._mint = Mint(settings, self.tokens, self.refresh_tokens)
        self.jwt_bearer: JWTBearerGrant = JWTBearerGrant(
            settings, self._assertion_audiences, self._mint
        )
        self._pushed = PushedRequests(settings, clients)
        self._token_endpoint = TokenEndpoint(settings, self._grants(), traffic.count_granted)
        self._answers = self._make_answers()

    @property
    def issuer(self) -> str:
        """The issuer identifier (RFC 8414 §2)."""
        return self._origin() + self._settings.issuer_path

    def url(self, endpoint: str) -> str:
        """Where an endpoint is, by its name in the metadata."""
        return self._base() + ENDPOINT_PATHS[endpoint]

    def _base(self) -> str:
        return self._origin() + self._settings.issuer_path.rstrip("/")

    async def answer(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        """Count, fail if that is asked for, else answer rightly."""
        endpoint = self._endpoint(request.path)
        if endpoint is None:
            return web.Response(status=404, text="There is no endpoint here.")
        self._traffic.count_request(endpoint)
        if endpoint == "token":
            self._traffic.count("token_requests")
        fault = self._faults.take(endpoint)
        if fault is not None and (response := await fault.strike(request)) is not None:
            return response
        return self._answers[endpoint](request, body)

    def _endpoint(self, path: str) -> Endpoint | None:
        if path in well_known_paths(self._settings):
            return "metadata"
        base = self._settings.issuer_path.rstrip("/")
        return _ENDPOINTS.get(path.removeprefix(base)) if path.startswith(base) else None

    def _grants(self) -> dict[str, Grant]:
        settings, mint = self._settings, self._mint
        return {
            ClientCredentialsGrant.name: ClientCredentialsGrant(settings, mint),
            AuthorizationCodeGrant.name: AuthorizationCodeGrant(settings, self._codes, mint),
            RefreshTokenGrant.name: RefreshTokenGrant(settings, self.refresh_tokens, mint),
            DeviceCodeGrant.name: DeviceCodeGrant(settings, self.devices, mint),
            TokenExchangeGrant.name: TokenExchangeGrant(settings, self.subject_tokens, mint),
            **({JWTBearerGrant.name: self.jwt_bearer} if jose.is_installed() else {}),
        }

    def _assertion_audiences(self) -> list[str]:
        return [self.issuer, self.url("token_endpoint")]

    def _make_answers(self) -> dict[Endpoint, Answer]:
        return {
            "metadata": self._answer_metadata,
            "authorization": self._login().answer,
            "pushed_authorization_request": self._form(self._pushed.respond),
            "token": self._form(self._token_endpoint.respond, JWTBearerGrant.name),
            "device_authorization": self._form(self._device_endpoint().respond),
            "device_verification": DevicePage(self.devices, self._traffic).answer,
            "revocation": self._form(RevocationEndpoint(self.tokens, self.refresh_tokens).respond),
            "introspection": self._form(self._introspection().respond),
        }

    def _device_endpoint(self) -> DeviceEndpoint:
        def verification_uri() -> str:
            return self._base() + DEVICE_PAGE_PATH

        return DeviceEndpoint(self._settings, self.devices, verification_uri)

    def _introspection(self) -> IntrospectionEndpoint:
        return IntrospectionEndpoint(
            self._settings, lambda: self.issuer, self.tokens, self.refresh_tokens
        )

    def _login(self) -> LoginEndpoint:
        return LoginEndpoint(
            self._settings,
            lambda: self.issuer,
            self._pushed,
            self._codes,
            self._mint,
            self._traffic,
        )

    def _form(self, respond: Respond, *anonymous_grants: str) -> Answer:
        refused = self._traffic.count_refused
        return FormEndpoint(
            self._authenticator, respond, refused, anonymous_grants=anonymous_grants
        ).answer

    def _answer_metadata(self, request: web.Request, body: ReceivedBody) -> web.Response:
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
        return json_answer(self._settings, "metadata", members)
