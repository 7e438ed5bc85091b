"""The token endpoint: sends a token request, returns the `Token` or raises a `TokenError`.

Authenticates the client, and sends to the server's other endpoints as well. Caches no token and
must not know a grant.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from copy import copy
from itertools import count
from types import MappingProxyType
from typing import Any, Final

from aiohttp import ClientSession, TraceConfig
from yarl import URL

from aioalf._auth_server.authenticated_requests import AuthenticatedRequests
from aioalf._auth_server.authorization_rules import STANDARD_AUTHORIZATION, AuthorizationRules
from aioalf._auth_server.client_auth_selection import ClientAuthSelection
from aioalf._auth_server.client_identity import client_proof, is_public_client
from aioalf._auth_server.endpoints import ServerEndpoints, ServerOptions
from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.request_params import AmendResponse, Form, TokenRequestParams
from aioalf._auth_server.response import ServerResponse
from aioalf._auth_server.server_rules import STANDARD_RULES, ServerRules
from aioalf._auth_server.session import AuthSessionOption
from aioalf._auth_server.token_response import (
    ResponsePolicy,
    Warnings,
    read_refresh_token,
    read_token,
)
from aioalf._hidden_repr import MaskedDict, MaskedStr
from aioalf._syntax import is_sendable, scope_set
from aioalf.client_auth import ClientAuth
from aioalf.client_auth.credentials import Credentials
from aioalf.errors import TokenResponseError
from aioalf.retry import Retry, retrying
from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)


REQUEST_HEADERS: Final = {"Accept": "application/json"}
"""Headers of every request to an endpoint; ``http_options["headers"]`` override them."""


class TokenEndpoint:
    """Sends requests to the token endpoint and the other endpoints of one server, as one client.

    Args:
        url: The token endpoint; None to use the one in `endpoints` or in the issuer's metadata.
        credentials: The client's identifier and secret.
        client_auth: The client authentication method; None to choose one that the server lists, or
            to detect one that it accepts.
        http_options: Arguments of aiohttp's ``request``, as in `AuthServerHTTP`.
        issuer: The issuer identifier, to find endpoints in metadata (RFC 8414).
        endpoints: URLs by their names in metadata; they override metadata.
        options: Where the metadata is, and which hosts may use plain http.
        request_params: The parameters of every token request.
        authorization_rules: The server's rules for authorization requests and scopes.
        policy: How to read token responses.
        rules: How the requests and responses of this server differ from the standard.
        retry: When to send a failed request again.
        auth_session: The session whose connector, proxy and trace configurations are used; by
            default each request uses a new connection.
        trace_configs: Observers of each request.

    Raises:
        TokenConfigurationError: A URL or an option is invalid.
    """

    __slots__ = (
        "_client_auth",
        "_credentials",
        "_endpoints",
        "_http",
        "_policy",
        "_requests",
        "_retry",
        "_rules",
        "_warnings",
        "authorization_rules",
        "identity",
        "request_params",
    )

    def __init__(
        self,
        url: str | URL | None,
        credentials: Credentials,
        client_auth: ClientAuth | None,
        *,
        http_options: Mapping[str, Any] | None = None,
        issuer: str | None = None,
        endpoints: Mapping[str, str | URL] | None = None,
        options: ServerOptions | None = None,
        request_params: TokenRequestParams | None = None,
        authorization_rules: AuthorizationRules | None = None,
        policy: ResponsePolicy | None = None,
        rules: ServerRules | None = None,
        retry: Retry | None = None,
        auth_session: AuthSessionOption | None = None,
        trace_configs: Sequence[TraceConfig] | None = None,
    ) -> None:
        configured = dict(endpoints or {})
        if url is not None:
            configured["token_endpoint"] = url
        self._http = AuthServerHTTP(http_options, auth_session, trace_configs)
        self._endpoints = ServerEndpoints(issuer, configured, self._http, options)
        self._client_auth = ClientAuthSelection(client_auth, self._endpoints)
        self.authorization_rules: AuthorizationRules = authorization_rules or STANDARD_AUTHORIZATION
        self._rules = rules or STANDARD_RULES
        self._requests = AuthenticatedRequests(
            self._http,
            self._endpoints,
            credentials,
            self._client_auth,
            self._rules,
            self.authorization_rules,
            REQUEST_HEADERS,
        )
        self.identity: str | None = self._endpoints.identity
        """The configured URL that identifies the server if there is no issuer, for cache keys."""
        self._credentials = credentials
        self.request_params: TokenRequestParams = request_params or TokenRequestParams()
        self._policy = policy or ResponsePolicy()
        self._warnings = Warnings()
        self._retry = retry

    @property
    def url(self) -> URL | None:
        """The configured token endpoint, None to use the issuer's metadata."""
        return self._endpoints.configured.get("token_endpoint")

    @property
    def client_id(self) -> str | None:
        """The client identifier."""
        return self._credentials.client_id

    @property
    def is_public_client(self) -> bool:
        """Whether the client has neither a secret nor another way to authenticate."""
        return is_public_client(self._credentials, self._client_auth.chosen)

    @property
    def client_proof(self) -> str | None:
        """A digest of the secret or key that proves who the client is, for cache keys.

        None if the client has neither, or if a function provides it: then it may change.
        """
        return client_proof(self._credentials, self._client_auth.chosen)

    @property
    def issuer(self) -> str | None:
        """The configured issuer identifier, None without an issuer."""
        return self._endpoints.issuer

    def is_insecure(self, url: URL) -> bool:
        """Tell whether requests to this URL leave this machine, unencrypted and not allowed."""
        return self._endpoints.http_hosts.is_insecure(url)

    def with_request_params(self, request_params: TokenRequestParams) -> TokenEndpoint:
        """Return a copy for other request parameters, which shares everything else."""
        other = copy(self)
        other.request_params = request_params
        return other

    def use_session(self, session: ClientSession) -> None:
        """Send with the proxy and the TLS settings of a session, but not through its connector."""
        self._http.use_session(session)

    def use_settings_of(self, other: TokenEndpoint) -> None:
        """Send with the settings of the session that `other` uses."""
        self._http.use_settings_of(other._http)

    async def metadata(self) -> Mapping[str, object]:
        """Return the issuer's metadata, empty without an issuer. Raises MetadataError."""
        return await self._endpoints.metadata()

    async def url_of(self, name: str) -> URL:
        """Return the configured URL of an endpoint, else the one in the issuer's metadata.

        Raises TokenConfigurationError that says what to pass, and MetadataError.
        """
        return await self._endpoints.url_of(name, over_mtls=self._client_auth.is_over_mtls)

    async def has(self, name: str) -> bool:
        """Tell whether the server has an endpoint of this name. Raises MetadataError."""
        return (
            await self._endpoints.find(name, over_mtls=self._client_auth.is_over_mtls) is not None
        )

    async def close(self) -> None:
        """Cancel a metadata request in flight."""
        await self._endpoints.close()

    async def request(
        self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        """Send a token request with the form and `request_params`, and return the token.

        Parameters of the form override `request_params`; empty values are not sent. With
        `is_repeatable`, a transient failure is retried; the form must not hold a single-use value
        then. `amend` checks and amends the members of a 2xx response.

        Raises TokenHTTPError if the status is not 2xx, TokenResponseError if the response has no
        usable token, and TokenConnectionError with the reason as ``__cause__``.
        """
        # Error reports show the local variables of each frame: hence all the masked values here.
        form = MaskedDict(form)
        # The order of the form, with its own values.
        whole = MaskedDict({**form, **self._own_params(form), **self.request_params.form(), **form})
        if not is_repeatable:
            return await self._request_token(whole, amend)
        attempts = count(1)
        return await retrying(
            self._retry, lambda: self._request_token(whole, amend, next(attempts))
        )

    def _own_params(self, form: Form) -> Mapping[str, str]:
        rules = self._rules
        return {**rules.token_params, **(rules.refresh_params if _is_refresh(form) else {})}

    def _requested_scope(self, form: Form) -> frozenset[str] | None:
        # A grant may send the scope elsewhere, such as in an assertion. A refresh without scope
        # requests the scope that was granted, which may be less (RFC 6749 §6).
        scope = str(form["scope"]) or ("" if _is_refresh(form) else self.request_params.scope)
        return scope_set(scope)

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """Send the form to another endpoint and return the members of the response.

        Raises TokenHTTPError, TokenResponseError if the response is not a JSON object or reports an
        error, and TokenConnectionError.
        """
        form = MaskedDict(form)
        response = (await self._requests.send(name, form)).response
        if response.members is None or response.reports_error:  # GitHub's have status 200
            raise response.unusable_error("a usable response", "it is not a JSON object")
        return response.members

    async def revoke(self, token: str, hint: str) -> None:
        """Revoke a token; `hint` is its ``token_type_hint`` (RFC 7009 §2.1).

        A transient failure is retried. Raises as `request` does.
        """
        token = MaskedStr(token)
        await self._send_again("revocation_endpoint", {"token": token, "token_type_hint": hint})

    async def introspect(self, token: str, hint: str | None = None) -> Mapping[str, object]:
        """Return the server's facts about a token; `hint` is its ``token_type_hint`` (RFC 7662 §2).

        A text that UTF-8 cannot encode cannot be an active token, so no request is sent for it. A
        transient failure is retried. Raises as `request` does, and TokenResponseError if ``active``
        is not a boolean.
        """
        token = MaskedStr(token)
        if not is_sendable(token):
            return MappingProxyType({"active": False})
        form = {"token": token, "token_type_hint": hint or ""}
        response = await self._send_again("introspection_endpoint", form)
        members = response.members or {}
        if not isinstance(members.get("active"), bool):
            raise response.unusable_error("a usable response", "it does not say if active is true")
        return MappingProxyType(members)

    async def _request_token(
        self, form: Form, amend: AmendResponse | None, attempt: int = 1
    ) -> Token:
        response, sent_at, sent_on = await self._requests.send("token_endpoint", form, attempt)
        if response.reader_failure is not None:
            raise _unusable(response, str(response.reader_failure))
        members = response.members and MaskedDict(response.members)
        if amend is not None and members is not None:
            members = amend(members)
        try:
            token = read_token(
                members,
                self._policy.of(self._requested_scope(form), self.request_params.scope_set),
                sent_at=sent_at,
                sent_on=sent_on,
                secrets=response.secrets,
                warnings=self._warnings,
            )
        except TokenResponseError as error:
            problem = str(error)
        else:
            if token.expires_in is None:
                logger.debug("The token has no expiry")
            else:
                logger.debug("The token expires in %s s", token.expires_in)
            return token
        logger.debug("The token response is not usable: %s", problem)
        raise _unusable(response, problem)

    async def _send_again(self, name: str, form: Form) -> ServerResponse:
        """Send a request, and retry it after a transient failure."""
        form, attempts = MaskedDict(form), count(1)
        reply = await retrying(self._retry, lambda: self._requests.send(name, form, next(attempts)))
        return reply.response


def _is_refresh(form: Form) -> bool:
    return form.get("grant_type") == "refresh_token"


def _unusable(response: ServerResponse, problem: str) -> TokenResponseError:
    """Return the error, which holds the refresh token of the response if it can be found."""
    places = (response.members, response.members_as_sent)  # a reader may leave it out
    found = (read_refresh_token((members or {}).get("refresh_token")) for members in places)
    refresh_token = next(filter(None, found), None)
    if refresh_token is None and response.reader_failure is not None:
        problem += ", and there is no refresh_token at the top of the response that can be kept"
    error = response.unusable_error("a usable token", problem)
    if refresh_token is not None:
        # The code or the refresh token that was sent is no longer valid.
        error.hold_replacement(refresh_token)
    return error
