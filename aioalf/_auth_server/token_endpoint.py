"""The token endpoint: one POST, one `Token` or one `TokenError`.

It knows client authentication and the endpoints beside it; it caches nothing and knows no grant.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from functools import partial
from ssl import SSLContext
from types import MappingProxyType
from typing import Any, Final, TypeVar

from yarl import URL

from aioalf._auth_server.endpoints import ServerEndpoints
from aioalf._auth_server.http import AuthServerHTTP, Network
from aioalf._auth_server.metadata import string_set
from aioalf._auth_server.request_params import NO_PARAMS, Form, TokenRequestParams
from aioalf._auth_server.response import ServerResponse, secrets_in_request
from aioalf._auth_server.token_response import ResponsePolicy, read_refresh_token, read_token
from aioalf._syntax import is_sendable
from aioalf._urls import (
    SECURE_ONLY,
    is_insecure,
    is_remote,
    missing_endpoint_error,
    read_endpoint,
    warn_insecure,
)
from aioalf.client_auth import ClientAuth, MutableForm
from aioalf.client_auth._negotiation import default_method, method_elsewhere
from aioalf.client_auth.credentials import Credentials
from aioalf.errors import (
    TokenConfigurationError,
    TokenResponseError,
)
from aioalf.retry import Retry, retrying
from aioalf.token import Token

T = TypeVar("T")

# One for all endpoints: clients may be many.
_INACTIVE: Final[Mapping[str, object]] = MappingProxyType({"active": False})
_NO_METADATA: Final[Mapping[str, object]] = MappingProxyType({})


class TokenEndpoint:
    """Sends token requests as one client, and requests to other endpoints of the same server.

    ``url`` None is what the issuer's metadata says, as are endpoints that are not in ``endpoints``.
    ``client_auth`` None is chosen by what the server lists. ``asked`` goes with every token
    request. ``http_options`` are `AuthServerHTTP`'s. Raises TokenConfigurationError for URLs or options
    that cannot work, and warns of plain http.
    """

    def __init__(
        self,
        url: str | URL | None,
        credentials: Credentials,
        client_auth: ClientAuth | None,
        *,
        http_options: Mapping[str, Any] | None = None,
        issuer: str | None = None,
        endpoints: Mapping[str, str | URL] | None = None,
        asked: TokenRequestParams | None = None,
        expected: ResponsePolicy | None = None,
        retry: Retry | None = None,
        network: Network = lambda: None,
    ) -> None:
        self.url: URL | None = None if url is None else read_endpoint("token_endpoint", url)
        if self.url is not None and is_insecure(self.url):
            warn_insecure("The token endpoint", self.url)
        self._exchange = AuthServerHTTP(http_options, network)
        self._server = _server(issuer, endpoints, self._exchange)
        self._credentials = credentials
        self._client_auth = client_auth
        self._asked = asked
        self._expected = expected
        self._retry = retry

    @property
    def asked(self) -> TokenRequestParams:
        """What is asked for with every token."""
        if self._asked is None:
            self._asked = NO_PARAMS
        return self._asked

    @property
    def client_id(self) -> str | None:
        """Who asks."""
        return self._credentials.client_id

    @property
    def issuer(self) -> str | None:
        """The issuer identifier as configured, None without one."""
        return None if self._server is None else self._server.issuer

    def asking(self, asked: TokenRequestParams) -> TokenEndpoint:
        """Return one that asks for something else, and shares everything else."""
        other = copy(self)
        other._asked = asked  # noqa: SLF001 - it is one of these
        return other

    async def metadata(self) -> Mapping[str, object]:
        """Return the issuer's metadata, empty without an issuer. Raises MetadataError."""
        return _NO_METADATA if self._server is None else await self._server.metadata()

    async def url_of(self, name: str) -> URL:
        """Return an endpoint by its name in metadata: the one given, else the issuer's.

        Raises TokenConfigurationError that says what to pass, and MetadataError.
        """
        if name == "token_endpoint" and self.url is not None:
            return self.url
        if self._server is None:
            raise missing_endpoint_error(name)
        return await self._server.url_of(name, over_mtls=self._is_over_mtls)

    @property
    def _is_over_mtls(self) -> bool:
        return self._client_auth is not None and self._client_auth.ssl_context is not None

    def use_network(self, network: Network) -> None:
        """Send through the connector and proxy of the session that this returns."""
        self._exchange.network = network

    async def request(self, form: Form, *, is_repeatable: bool = False) -> Token:
        """POST the form and what is asked for, and return the token; empty values are left out.

        What may pass is tried again; `is_repeatable` says that the form holds nothing that may be
        sent once only. Raises TokenHTTPError for a status that is not 2xx, TokenResponseError for
        an answer without a token that can be used, TokenConnectionError, its reason in ``__cause__``.
        """
        whole = {**form, **self.asked.form(), **form}  # what the grant says goes first, and before
        if not is_repeatable:
            return await self._attempt(whole)
        return await retrying(self._retry, lambda: self._attempt(whole))

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """POST the form as it is to another endpoint, and return the members of its answer.

        Raises TokenHTTPError, TokenResponseError for what is no JSON object, TokenConnectionError.
        """
        reply, _, _ = await self._ask(name, form)
        if reply.members is None:
            raise reply.useless("an answer that can be used", "it is not a JSON object")
        return reply.members

    async def has(self, name: str) -> bool:
        """Tell whether there is an endpoint of this name in metadata. Raises MetadataError."""
        if self._server is None:
            return False
        return await self._server.find(name, over_mtls=self._is_over_mtls) is not None

    async def revoke(self, token: str, hint: str) -> None:
        """Revoke a token; `hint` is its ``token_type_hint`` (RFC 7009 §2.1).

        What may pass is tried again. Raises as `request` does.
        """
        form = {"token": token, "token_type_hint": hint}
        await retrying(self._retry, lambda: self._ask("revocation_endpoint", form))

    async def introspect(self, token: str, hint: str | None = None) -> Mapping[str, object]:
        """Return what the server says of a token; `hint` is its ``token_type_hint`` (RFC 7662 §2).

        A text that no form can hold is no token that is active: it is not asked for. What may pass
        is tried again. Raises as `request` does, also where ``active`` is no boolean.
        """
        if not is_sendable(token):
            return _INACTIVE
        form = {"token": token, "token_type_hint": hint or ""}
        attempt = partial(self._ask, "introspection_endpoint", form)
        reply, _, _ = await retrying(self._retry, attempt)
        members = reply.members or {}
        if not isinstance(members.get("active"), bool):
            raise reply.useless("an answer that can be used", "it does not say if active is true")
        return MappingProxyType(members)

    async def close(self) -> None:
        """End a request for metadata that is under way."""
        if self._server is not None:
            await self._server.close()

    async def _attempt(self, form: Form) -> Token:
        reply, sent_at, sent_on = await self._ask("token_endpoint", form)

        expected = self._expected or ResponsePolicy()
        expected = expected.of(frozenset(str(form["scope"]).split()) or None)
        try:
            return read_token(reply.members, expected, sent_at=sent_at, sent_on=sent_on)
        except TokenResponseError as problem:
            error = reply.useless("a usable token", str(problem))
        replacement = read_refresh_token((reply.members or {}).get("refresh_token"))
        if "refresh_token" in form and replacement is not None:
            error.hold_replacement(replacement)  # the one that was sent may count no more
        raise error

    async def _ask(self, name: str, form: Form) -> tuple[ServerResponse, float, datetime]:

        url = await self.url_of(name)
        credentials = await self._credentials.current()
        proven = {name: value for name, value in form.items() if value}
        method = await self._method(name, credentials, proven)
        audience = self.issuer or str(self.url or url)
        if name in SECURE_ONLY:
            self._check_certificates(name, url, method.ssl_context)
        fields = await method.authenticate(credentials, proven, audience)
        sent_at, sent_on = time.monotonic(), datetime.now(UTC)
        what = f"the {name.replace('_', ' ')}"
        answer = await self._exchange.post(what, url, proven, fields, ssl=method.ssl_context)
        reply = ServerResponse(name, url, answer, secrets_in_request(credentials, proven))
        if not reply.is_good:
            raise reply.refusal()
        return reply, sent_at, sent_on

    def _check_certificates(self, name: str, url: URL, ssl: SSLContext | None) -> None:
        if is_remote(url) and not self._exchange.checks_certificates(ssl):
            raise TokenConfigurationError(
                f"The certificate of the {name} is not checked, so no token is sent there "
                "(RFC 7009 §5, RFC 7662 §4): pass ssl in http_options that checks it"
            )

    async def _method(self, name: str, credentials: Credentials, form: MutableForm) -> ClientAuth:
        method = self._client_auth or await self._listed_method(credentials, form)
        if name not in SECURE_ONLY or self._server is None:
            return method

        # Only these two have a list of their own (RFC 8414 §2).
        listed = await self._server.methods_at(name)
        has_secret = credentials.client_secret is not None
        return method_elsewhere(method, listed, has_secret=has_secret)

    async def _listed_method(self, credentials: Credentials, form: MutableForm) -> ClientAuth:

        listed = string_set(await self.metadata(), "token_endpoint_auth_methods_supported")
        # The client credentials grant is for clients that have some (RFC 6749 §4.4).
        is_public = form.get("grant_type") != "client_credentials"
        has_secret = credentials.client_secret is not None or not is_public
        return default_method(listed, has_secret=has_secret)


def _server(
    issuer: str | None, endpoints: Mapping[str, str | URL] | None, exchange: AuthServerHTTP
) -> ServerEndpoints | None:
    if issuer is None and not endpoints:
        return None

    return ServerEndpoints(issuer, endpoints or {}, exchange)
