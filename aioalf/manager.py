"""The token manager: one valid token for many callers.

`RenewingToken` caches and renews the token; `TokenManager` fetches it with a grant and a login, and
derives, logs out and closes. Must not know forms, HTTP, or the requests that carry the token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import Any, Self, Unpack

from aiohttp import ClientSession
from yarl import URL

from aioalf import _login
from aioalf._api_rules import ApiRules
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._auth_server.token_response import ResponsePolicy, check_scope
from aioalf._closing import run_to_completion
from aioalf._error_frames import hide_locals_on_error
from aioalf._hidden_repr import MaskedStr
from aioalf._legacy_hooks import (
    REMOVED_FROM_MANAGER,
    ConstructorArguments,
    LegacyAttributes,
    TokenHooks,
    refuse_removed_hooks,
)
from aioalf._manager_parts import make_api_rules, make_endpoint, make_login, make_policy
from aioalf._options import TokenManagerOptions, TokenRequestOptions, check_names, check_options
from aioalf._provider_options import check_provider, with_provider
from aioalf._recently_used import RecentlyUsed
from aioalf._renewing_token import RenewingToken
from aioalf._urls import missing_endpoint_error
from aioalf.client_auth import ClientSecret
from aioalf.errors import (
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
)
from aioalf.grants import Grant
from aioalf.grants.client_credentials import CLIENT_CREDENTIALS
from aioalf.renewal import DEFAULT_RENEWAL, RenewalSkippedError
from aioalf.token import Token

__all__ = ("TokenError", "TokenHTTPError", "TokenManager")


class TokenManager(TokenHooks, LegacyAttributes, RenewingToken):
    """Fetches access tokens, caches the current one, and renews it ahead of expiry.

    Creating a manager needs no running event loop, and it may be used in one event loop after
    another. A missing client id or secret is reported on first use.

    A subclass may override the coroutine ``_request_token`` (or ``_get_token_data``, its caller):
    it returns the members of a token response as a mapping with ``access_token`` and
    ``expires_in``. Only a subclass can be created without an authorization server.

    Args:
        token_endpoint: URL of the token endpoint (RFC 6749 §3.2). It overrides the issuer's
            metadata.
        client_id: Identifies the client (RFC 6749 §2.2).
        client_secret: The client's password, or a function that returns it.
        http_options: Keyword arguments of aiohttp's ``request`` for requests to the authorization
            server: ``timeout``, ``proxy``, ``ssl``, ``headers``. They override the settings of
            any session.
        scope: Requested scope, as a space-separated string or a collection of strings.
        provider: The facts about a provider, from `aioalf.providers`. All other options override
            them.
        issuer: Issuer identifier. Endpoints come from its metadata (RFC 8414).
        metadata_url: URL of the metadata, if it is not a well-known URL of the issuer. Without
            ``issuer``, the issuer that this metadata names is used.
        metadata: The metadata itself, as a mapping with the names of RFC 8414.
        endpoints: URLs of endpoints by their names in metadata. They override the metadata.
        allow_http_hosts: Hosts such as ``keycloak:8080`` that are trusted over plain http.
        resource: URI or URIs of the APIs that the token is for (RFC 8707).
        audience: Logical name or names of the APIs that the token is for (RFC 8693 §2.1).
        extra_params: Further parameters of each token request and authorization request.
        client_auth: Client authentication method. By default, if the token endpoint is in metadata,
            the first method that this metadata lists and the credentials allow, Basic first.
            Otherwise HTTP Basic, and after ``invalid_client`` the secret in the form; the accepted
            method is kept.
        grant: How tokens are requested, `aioalf.grants.ClientCredentials` by default.
        cache: Keeps tokens for all managers that request the same with the same secret or key, also
            in other processes.
        cache_namespace: Identifies the owner of cached tokens instead of the secret or key. Use it
            if the secret or key changes, or if tenants share a client identifier.
        on_token: Function or coroutine function that is called with each new `Token` before it
            is used. It must not use the client.
        default_expires_in: Lifetime in seconds for a response without ``expires_in``. By default
            such a token is used until an API rejects it.
        require_scope: Refuse a token with less scope than was requested. By default it is used, a
            warning is logged once, and ``missing_scope`` of the `Token` is the missing scope.
        renewal: When a token is renewed, and how long no token request is sent after a failure.
        retry: How often a failed token request is repeated.
        auth_session: Session for requests to the authorization server, or a function that returns
            one, called on first use in an event loop. Its connector, proxy and trace
            configurations are used, and it is never closed. By default each request uses a new
            connection.
        auth_trace_configs: aiohttp's trace configurations for requests to the authorization server.
        token_scheme: Replaces ``Bearer`` in requests to APIs; "" sends the token alone.
        token_header: Replaces ``Authorization``; it then holds the token alone, unless
            ``token_scheme`` is given. No other origin gets it after a redirect.
        api_headers: Further headers of requests that carry the token. A request's own headers
            override them.
        base_url_member: The member of the token response with the URL that `Client` joins a path
            with, such as ``instance_url``. It must be https.

    Raises:
        TokenConfigurationError: If no authorization server is given, a URL is malformed, or options
            contradict each other.
    """

    _endpoint: TokenEndpoint | None = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        refuse_removed_hooks(cls, TokenManager, REMOVED_FROM_MANAGER)

    @hide_locals_on_error
    def __init__(
        self,
        token_endpoint: str | URL | None,
        client_id: str | None,
        client_secret: ClientSecret | None,
        http_options: Mapping[str, Any] | None = None,
        scope: str | Collection[str] | None = None,
        **options: Unpack[TokenManagerOptions],
    ) -> None:
        check_options(options)
        check_provider(options.get("provider"))
        options = with_provider(options)
        token_endpoint = token_endpoint or (options.get("endpoints") or {}).get("token_endpoint")
        self._arguments = ConstructorArguments(
            token_endpoint,
            client_id,
            client_secret,
            {} if http_options is None else http_options,
            scope,
            options,
        )
        self._grant: Grant = options.get("grant") or CLIENT_CREDENTIALS
        self._policy: ResponsePolicy = make_policy(options, self._grant)
        self.api_rules: ApiRules = make_api_rules(options)
        """The form in which APIs want the token."""
        self._configure()
        if self._endpoint is None and not self._can_do_without_server():
            raise missing_endpoint_error("token_endpoint")
        super().__init__(options.get("renewal") or DEFAULT_RENEWAL)
        self._root: TokenManager | None = None
        self._derived: RecentlyUsed[object, TokenManager] | None = None

    def _can_do_without_server(self) -> bool:
        """Tell whether a subclass, or a mock of this class, may have tokens of its own."""
        is_subclass = type(self) is not TokenManager
        return is_subclass or self._has_own_hook() or "get_token" in vars(TokenManager)

    def _configure(self) -> None:
        endpoint, previous = (
            make_endpoint(self._arguments, self._grant, self._policy),
            self._endpoint,
        )
        if endpoint is not None and previous is not None:
            endpoint.use_settings_of(previous)
        self._endpoint = endpoint
        self._login: _login.Login | _login.DerivedLogin | None = make_login(
            self._arguments.options, self._grant, endpoint
        )
        self._uses_stored_tokens = self._login is not None

    # Derived managers

    @hide_locals_on_error
    def with_options(self, **options: Unpack[TokenRequestOptions]) -> TokenManager:
        """Return a manager that requests other tokens with the same login.

        It has a token of its own and shares endpoints, credentials and the login: a refresh token
        serves both. The same arguments return the same manager, unless it is not among the 10,000
        most recently used ones and the program no longer uses it. Closing this manager closes the
        derived one too, and `logout` of either ends the login.

        Args:
            options: ``scope``, ``resource``, ``audience``, ``extra_params``. Omitted ones are as
                in this manager.

        Raises:
            TokenConfigurationError: If the options cannot work, or in a subclass, which has to
                define its own ``with_options``.
        """
        if type(self) is not TokenManager:
            raise TokenConfigurationError(
                f"{type(self).__name__} is a subclass of TokenManager without its own "
                "with_options(): create another manager, or define with_options() in the class"
            )
        if self._endpoint is None:
            raise missing_endpoint_error("token_endpoint")
        root = self._root or self
        check_names(options, TokenRequestOptions)
        params = self._endpoint.request_params.replace(**_renamed(options))
        root._derived = root._derived or RecentlyUsed()
        endpoint = self._endpoint.with_request_params(params)
        return root._derived.get(params.identity, lambda: root._derive(endpoint))

    def _derive(self, endpoint: TokenEndpoint) -> TokenManager:
        derived = copy(self)
        derived._root, derived._derived = self, None
        derived._endpoint = endpoint
        if isinstance(self._login, _login.Login) and self._endpoint is not None:
            derived._login = _login.shared_login(
                self._login,
                self._grant,
                endpoint,
                has_own_scope=endpoint.request_params.scope_set
                != self._endpoint.request_params.scope_set,
                log_in=self.get_token,
                log_in_anew=self._obtain,
            )
        derived._start_without_token()
        return derived

    def _family(self) -> list[TokenManager]:
        """Return the managers that share a login: the root and those derived from it."""
        root = self._root or self
        return [root, *(root._derived or ())]

    # Other requests to the authorization server, and the end

    def use_session(self, session: ClientSession) -> None:
        """Send token requests with the proxy and the verifying TLS settings of this session.

        The settings are copied, so the session may be closed. Its connector is never used.
        """
        if self._endpoint is not None:
            self._endpoint.use_session(session)

    async def introspect(
        self, token: str, token_type_hint: str | None = None
    ) -> Mapping[str, object]:
        """Return what the authorization server knows about a token (RFC 7662 §2.2).

        Each call sends a request to the ``introspection_endpoint`` of the metadata or of
        ``endpoints``. ``active`` is always a boolean; if it is False, ignore all other members.

        Raises:
            TokenError: If there is no such response. The state of the token is unknown then.
        """
        token = MaskedStr(token)  # error reports show local variables
        if self._endpoint is None:
            raise missing_endpoint_error("introspection_endpoint")
        return await self._endpoint.introspect(token, token_type_hint)

    async def logout(self) -> None:
        """Forget the access token, the refresh token and the cache entry, and revoke the tokens.

        Tokens are revoked if the metadata or ``endpoints`` names a ``revocation_endpoint``
        (RFC 7009), and forgotten in any case, even if revoking fails or is cancelled. A token
        request in flight is cancelled; tokens from a refresh that was already sent are revoked.
        The next `get_token` starts the grant again.

        Raises:
            RevocationError: If a token could not be revoked.
            CacheError: If the cache could not be read or emptied.
        """
        logout, managers = _login.Logout(), self._family()
        for manager in managers:
            manager._flight.check_loop()
        for manager in managers:
            login = manager._login if isinstance(manager._login, _login.Login) else None
            logout.add(manager._token, login, manager._endpoint)
            manager._forget()
            manager._flight.end()
        await logout.end(self._endpoint)

    async def close(self) -> None:
        """Cancel token requests in flight; callers that wait for them get a TokenError.

        If a refresh token or a code was sent already, this waits for the response and stores it,
        for at most 30 seconds, and even if the caller is cancelled.
        """
        managers = self._family() if self._root is None else [self]
        for manager in managers:
            manager._flight.check_loop()
        for manager in managers:
            manager._generation += 1
        await run_to_completion(self._end_flights(managers))

    async def _end_flights(self, managers: Sequence[TokenManager]) -> None:
        if self._endpoint is not None and self._root is None:
            await self._endpoint.close()  # first: a refresh that was not sent need not be awaited
        for manager in managers:
            manager._flight.end()
        await asyncio.gather(*(manager._flight.close() for manager in managers))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # One token request

    async def reset_token(self) -> None:
        """Forget the token and the last failure; the next `get_token` requests a new token.

        Callers that wait for a token request in flight get its token, which is not cached. If the
        token was forgotten already, a request in flight since then serves all callers.
        """
        await super().reset_token()
        if self._login is not None:
            self._login.forget_failure()

    async def _new_token(self, *, is_ahead: bool = False) -> Token:
        if self._endpoint is None:
            raise missing_endpoint_error("token_endpoint")
        if self._login is None:
            if is_ahead and self._grant.is_interactive:
                raise RenewalSkippedError(until_expiry=True)
            return await self._grant.request_token(self._endpoint)
        # A token that is still set here is about to expire, or has expired.
        unwanted = self._rejected_token if self._token is None else self._token.access_token
        if unwanted is not None:
            unwanted = MaskedStr(unwanted)  # error reports show local variables
        token = await self._login.token(self._endpoint, unwanted, is_ahead=is_ahead)
        check_scope(token, self._policy)  # another client may have stored it
        return token

    def _needs_person(self) -> bool:
        return self._grant.is_interactive if self._login is None else self._login.needs_person

    def __repr__(self) -> str:
        return f"<{type(self).__name__} token={getattr(self, '_token', None)!r}>"


def _renamed(options: TokenRequestOptions) -> dict[str, Any]:
    changes: dict[str, Any] = {**options}
    if "extra_params" in changes:
        changes["extra"] = changes.pop("extra_params")
    return changes
