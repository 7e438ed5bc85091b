"""Creates the parts of a token manager from its arguments: token endpoint, login, API rules.

Must not know how a manager uses them.
"""

from __future__ import annotations

from aioalf import _login
from aioalf._api_rules import ApiRules, read_api_rules
from aioalf._auth_server.endpoints import ServerOptions
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._auth_server.token_response import (
    DEFAULT_POLICY,
    ResponsePolicy,
    read_default_expires_in,
)
from aioalf._legacy_hooks import ConstructorArguments
from aioalf._login.cache_key import cache_key_for, cache_owner
from aioalf._options import TokenManagerOptions
from aioalf._provider_options import authorization_rules, server_rules, with_response_rules
from aioalf._urls import http_hosts_advice, redact_url
from aioalf.client_auth import Credentials
from aioalf.errors import TokenConfigurationError
from aioalf.grants import Grant
from aioalf.renewal import DEFAULT_RENEWAL


def make_endpoint(
    arguments: ConstructorArguments, grant: Grant, policy: ResponsePolicy
) -> TokenEndpoint | None:
    """Return the token endpoint, None if the arguments name no server.

    Raises TokenConfigurationError if an argument is invalid.
    """
    options = arguments.options
    issuer, endpoints = options.get("issuer"), options.get("endpoints")
    server_options = ServerOptions(
        options.get("metadata_url"), options.get("metadata"), options.get("allow_http_hosts")
    )
    params = TokenRequestParams(
        arguments.scope,
        options.get("resource"),
        options.get("audience"),
        options.get("extra_params"),
        grant.reserved_params,
    )
    has_metadata = any(
        each is not None for each in (issuer, server_options.metadata_url, server_options.metadata)
    )
    if not arguments.token_endpoint and not endpoints and not has_metadata:
        return None
    return TokenEndpoint(
        arguments.token_endpoint or None,
        Credentials(arguments.client_id, arguments.client_secret),
        options.get("client_auth"),
        http_options=arguments.http_options,
        issuer=issuer,
        endpoints=endpoints,
        options=server_options,
        request_params=params,
        authorization_rules=authorization_rules(options.get("provider")),
        policy=policy,
        rules=server_rules(options.get("provider")),
        retry=options.get("retry"),
        auth_session=options.get("auth_session"),
        trace_configs=options.get("auth_trace_configs"),
    )


def make_policy(options: TokenManagerOptions, grant: Grant) -> ResponsePolicy:
    """Return how to read token responses. Raises TokenConfigurationError as `make_endpoint`."""
    policy = ResponsePolicy(
        default_expires_in=read_default_expires_in(options.get("default_expires_in")),
        require_scope=options.get("require_scope", False),
        is_interactive=grant.is_interactive,
    )
    policy = with_response_rules(policy, options.get("provider"))
    return DEFAULT_POLICY if policy == DEFAULT_POLICY else policy


def make_login(
    options: TokenManagerOptions, grant: Grant, endpoint: TokenEndpoint | None
) -> _login.Login | None:
    """Return the login, None if there is nothing to keep beside the access token.

    Raises TokenConfigurationError if the options contradict each other.
    """
    cache, on_token = options.get("cache"), options.get("on_token")
    if not grant.keeps_refresh_token and cache is None and on_token is None:
        return None
    url = None if endpoint is None else endpoint.url
    if grant.keeps_refresh_token and endpoint and url and endpoint.is_insecure(url):
        raise TokenConfigurationError(
            f"The token endpoint {redact_url(url)} is plain http, and {grant.name} uses refresh "
            "tokens, which must be sent by https only (RFC 6749 §10.4)" + http_hosts_advice(url)
        )
    key, owner = "", None
    if cache is not None and endpoint is not None:
        owner = cache_owner(endpoint.client_proof, options.get("cache_namespace"))
        key = cache_key_for(grant, endpoint, endpoint.identity, owner)
    return _login.Login(
        grant,
        cache=cache,
        key=key,
        on_token=on_token,
        retry=options.get("retry"),
        failure_backoff=(options.get("renewal") or DEFAULT_RENEWAL).failure_backoff,
        owner=owner,
    )


def make_api_rules(options: TokenManagerOptions) -> ApiRules:
    """Return how APIs want to get the token. Raises TokenConfigurationError."""
    provider = options.get("provider")
    return read_api_rules(
        options.get("token_scheme"),
        options.get("token_header"),
        options.get("api_headers"),
        None if provider is None else provider.base_url,
        options.get("base_url_member"),
    )
