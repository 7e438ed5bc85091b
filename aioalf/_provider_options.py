"""Turns the facts of a provider into the options and rules of each layer.

A caller's own options override them. Nothing else in the package knows `Provider`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from aioalf import grants
from aioalf._auth_server.authorization_rules import STANDARD_AUTHORIZATION, AuthorizationRules
from aioalf._auth_server.granted_scope import ScopeRules
from aioalf._auth_server.server_rules import STANDARD_RULES, ServerRules
from aioalf._auth_server.token_response import ResponsePolicy
from aioalf._options import TokenManagerOptions
from aioalf.errors import TokenConfigurationError

if TYPE_CHECKING:
    from aioalf.grants import AuthorizationCode
    from aioalf.providers import Provider


def with_provider(options: TokenManagerOptions) -> TokenManagerOptions:
    """Return the options, completed with the options of the provider.

    Raises TokenConfigurationError if the provider cannot complete the sign-in of the grant.
    """
    provider = options.get("provider")
    if provider is None:
        return options
    merged: TokenManagerOptions = {
        "client_auth": provider.client_auth,
        "default_expires_in": provider.default_expires_in,
        "grant": provider.grant,
        "issuer": provider.issuer,
        "metadata_url": provider.metadata_url,
        "token_header": provider.api_header,
        "token_scheme": provider.api_scheme,
        "base_url_member": provider.base_url_member,
    }
    if options.get("token_header") is not None:
        merged["token_scheme"] = None  # the provider's scheme is for its own header
    if options.get("metadata") is not None:
        merged["metadata_url"] = None
    for name, value in options.items():
        if value is not None:
            merged[name] = value  # type: ignore[literal-required]
    endpoints = {**provider.endpoints, **(options.get("endpoints") or {})}
    merged["endpoints"] = endpoints
    merged["api_headers"] = _with_headers(provider.api_headers, options.get("api_headers"))
    grant = merged.get("grant")
    if isinstance(grant, grants.AuthorizationCode):
        _check_pkce(provider, grant)
        _check_redirect(provider, grant, endpoints)
    return merged


def _with_headers(
    headers: Mapping[str, str], others: Mapping[str, str] | None
) -> Mapping[str, str]:
    """Return the headers, replaced by the others, whose names may differ in case."""
    if not isinstance(others, Mapping):
        return headers if others is None else others  # it is refused later
    replaced = {str(name).lower() for name in others}
    kept = {name: value for name, value in headers.items() if name.lower() not in replaced}
    return {**kept, **others}


def _check_pkce(provider: Provider, grant: AuthorizationCode) -> None:
    if provider.pkce == "required" and not grant.sends_pkce:
        raise TokenConfigurationError(
            f"{provider.name} requires PKCE: remove unsafe_without_pkce=True"
        )


def _check_redirect(
    provider: Provider, grant: AuthorizationCode, endpoints: Collection[str]
) -> None:
    """Raise TokenConfigurationError if the provider does not redirect to this machine.

    A redirect URI that the caller names is accepted if nothing is known about its host.
    """
    if provider.redirect_hosts:
        host = grant.redirect_host_at(provider.redirect_uri)
        if host not in provider.redirect_hosts:
            accepted = " or ".join(sorted(provider.redirect_hosts))
            raise TokenConfigurationError(
                f"{provider.name} does not redirect to the host {host}, only to {accepted}: "
                "register such a redirect URI, and pass it as redirect_uri"
            )
    elif grant.redirect_host is None:
        device = "device_authorization_endpoint" in endpoints
        raise TokenConfigurationError(
            f"{provider.name} does not redirect to this machine, only to an https URL such as that "
            "of a web application or a tunnel, where AuthorizationCode cannot listen: sign in with "
            "a web application, and pass its refresh token with grant=RefreshToken(...)"
            + (", or sign in with a user code: grant=DeviceCode()" if device else "")
        )


def authorization_rules(provider: Provider | None) -> AuthorizationRules:
    """Return the server's rules for authorization requests and scopes."""
    if provider is None:
        return STANDARD_AUTHORIZATION
    return AuthorizationRules(
        extra_params=provider.authorization_params,
        redirect_uri=provider.redirect_uri,
        uses_pkce=provider.pkce != "public",
        redirect_params=provider.redirect_params,
        scope_separator=provider.scope_separator,
        default_scope=provider.default_scope,
        refresh_scope=provider.refresh_scope,
    )


def server_rules(provider: Provider | None) -> ServerRules:
    """Return how requests to the provider's server, and its responses, differ from the standard."""
    if provider is None:
        return STANDARD_RULES
    return ServerRules(
        token_params=provider.token_params,
        refresh_params=provider.refresh_params,
        headers=provider.token_headers,
        sends_json=provider.token_body == "json",
        read_response=provider.read_response,
        sign_in_again=provider.sign_in_again,
        try_later=provider.try_later,
    )


def with_response_rules(policy: ResponsePolicy, provider: Provider | None) -> ResponsePolicy:
    """Return a policy for the responses of the provider."""
    if provider is None:
        return policy
    return policy._replace(
        scope_rules=ScopeRules(provider.implied_scopes, provider.unechoed_scopes),
        token_types=provider.token_types,
        expiry=provider.expiry,
    )


def check_provider(value: object) -> None:
    """Raise TokenConfigurationError if a value is not a `Provider`."""
    if value is not None and not hasattr(value, "sign_in_again"):
        found = "a function: call it" if callable(value) else type(value).__name__
        raise TokenConfigurationError(
            f"provider must be a Provider, such as providers.github(), not {found}"
        )
