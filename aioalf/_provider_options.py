"""Turns the facts of a provider into the options and rules of each layer.

A caller's own options override them. Nothing else in the package knows `Provider`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioalf._auth_server.authorization_rules import AuthorizationRules
from aioalf._auth_server.granted_scope import ScopeRules
from aioalf._auth_server.server_rules import ServerRules
from aioalf._auth_server.token_response import ResponsePolicy
from aioalf._options import TokenManagerOptions
from aioalf.errors import TokenConfigurationError

if TYPE_CHECKING:
    from aioalf.providers import Provider


def with_provider(options: TokenManagerOptions) -> TokenManagerOptions:
    """Return the options with those of the provider where the caller has none."""
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
    for name, value in options.items():
        if value is not None:
            merged[name] = value  # type: ignore[literal-required]
    merged["endpoints"] = {**provider.endpoints, **(options.get("endpoints") or {})}
    merged["api_headers"] = {**provider.api_headers, **(options.get("api_headers") or {})}
    return merged


def authorization_rules(provider: Provider | None) -> AuthorizationRules:
    """Return what the provider's server expects of authorization requests and scopes."""
    if provider is None:
        return AuthorizationRules()
    return AuthorizationRules(
        extra_params=provider.authorization_params,
        redirect_uri=provider.redirect_uri,
        uses_pkce=provider.pkce != "unsupported",
        redirect_params=provider.redirect_params,
        scope_separator=provider.scope_separator,
        default_scope=provider.default_scope,
    )


def server_rules(provider: Provider | None) -> ServerRules:
    """Return how requests to the provider's server, and its responses, differ from the standard."""
    if provider is None:
        return ServerRules()
    return ServerRules(
        token_params=provider.token_params,
        refresh_params=provider.refresh_params,
        headers=provider.token_headers,
        sends_json=provider.token_body == "json",  # noqa: S105 - not a password
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
