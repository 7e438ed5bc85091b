"""`OAuthServer`: the authorization server, the API and another origin, put together.

Counts, logs and fails where it is told to; what is right to answer is said by the parts.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from aiohttp import web

from aioalf.testing.api import ProtectedApi, other_origin_answer
from aioalf.testing.authorization_server import AuthorizationServer
from aioalf.testing.clients import (
    LOOPBACK_REDIRECT_URIS,
    ClientRegistry,
    RegisteredClient,
    usual_methods,
)
from aioalf.testing.fault_table import FaultTable
from aioalf.testing.records import Exchange, ReceivedBody, Traffic
from aioalf.testing.settings import Settings
from aioalf.testing.site import Site
from aioalf.testing.subject_tokens import ACCESS_TOKEN_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from aioalf.testing.devices import WaitingDevice


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
        self.faults = FaultTable(self)
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
    def issuer(self) -> str:
        """The issuer identifier, by which a client finds the metadata (RFC 8414).

        RuntimeError unless started, as for each URL here.
        """
        return self._authorization.issuer

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for."""
        return self._authorization.url("token_endpoint")

    @property
    def authorization_endpoint(self) -> str:
        """The login page; it is at ``token_endpoint + "/authorize"`` as well."""
        return self._authorization.url("authorization_endpoint")

    @property
    def pushed_authorization_request_endpoint(self) -> str:
        """Where a client hands in what it will ask a person for (RFC 9126)."""
        return self._authorization.url("pushed_authorization_request_endpoint")

    @property
    def device_authorization_endpoint(self) -> str:
        """Where a device asks for codes (RFC 8628)."""
        return self._authorization.url("device_authorization_endpoint")

    @property
    def revocation_endpoint(self) -> str:
        """Where a client ends a token (RFC 7009)."""
        return self._authorization.url("revocation_endpoint")

    @property
    def introspection_endpoint(self) -> str:
        """Where an API asks what a token is good for (RFC 7662)."""
        return self._authorization.url("introspection_endpoint")

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
        client_secret: str | None = None,
        *,
        redirect_uris: Iterable[str] = LOOPBACK_REDIRECT_URIS,
        any_loopback_port: bool = True,
        scopes: Iterable[str] | None = None,
        grant_types: Iterable[str] | None = None,
        auth_methods: Iterable[str] | None = None,
        public_key: Mapping[str, object] | None = None,
        certificate_name: str | None = None,
        offline: bool = True,
    ) -> None:
        """Register a client, in place of one with the same id.

        Without secret, key and certificate it is public. ``redirect_uris`` are compared whole, but
        for the port on loopback (RFC 8252 §7.3) unless ``any_loopback_port`` is False. ``scopes``
        and ``grant_types`` None are any, ``auth_methods`` None what fits the secret, the key (a JWK
        or a JWK set) or the certificate (the DNS name in it). Refresh tokens need ``offline``.
        """
        methods = usual_methods(client_secret, public_key, certificate_name)
        self._clients.add(
            RegisteredClient(
                client_id=client_id,
                client_secret=client_secret,
                auth_methods=methods if auth_methods is None else frozenset(auth_methods),
                public_key=public_key,
                certificate_name=certificate_name,
                redirect_uris=tuple(redirect_uris),
                any_loopback_port=any_loopback_port,
                scopes=None if scopes is None else frozenset(scopes),
                grant_types=None if grant_types is None else frozenset(grant_types),
                is_offline=offline,
            )
        )

    def approve(self, user_code: str, user: str = "Ada") -> None:
        """Say yes to a device, as on its page; LookupError when none waits with this code."""
        self._authorization.devices.approve(self._device(user_code), user)
        self.count("logins")

    def deny(self, user_code: str) -> None:
        """Say no to a device, as on its page; LookupError when none waits with this code."""
        self._authorization.devices.deny(self._device(user_code))

    def _device(self, user_code: str) -> WaitingDevice:
        device = self._authorization.devices.find(user_code)
        if device is None:
            raise LookupError(f"No device waits with the code {user_code!r}.")
        return device

    def add_subject_token(
        self, token: str, subject: str, *, token_type: str = ACCESS_TOKEN_TYPE
    ) -> None:
        """Let clients exchange a token from elsewhere, which speaks for this subject (RFC 8693)."""
        self._authorization.subject_tokens.add(token, token_type, subject)

    def trust_assertions(self, issuer: str, public_key: Mapping[str, object]) -> None:
        """Take JSON Web Tokens of this issuer as a grant (RFC 7523); the key is a JWK or a set.

        RuntimeError without the extra ``jose``.
        """
        self._authorization.jwt_bearer.trust(issuer, public_key)

    def revoke(self, access_token: str) -> None:
        """Refuse one token from now on."""
        self._authorization.tokens.revoke(access_token)

    def revoke_all(self) -> None:
        """Refuse every access token issued so far; refresh tokens stay good."""
        self._authorization.tokens.revoke_all()

    def revoke_refresh_tokens(self) -> None:
        """Refuse every refresh token issued so far; access tokens stay good."""
        self._authorization.refresh_tokens.revoke_all()

    def expire_all(self) -> None:
        """End the life of every access token issued so far, as if the time had come."""
        self._authorization.tokens.expire_all()

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
