"""Which login a token manager has: one of its own, or that of the manager it is derived from.

It knows what makes either possible, and nothing of how tokens are got.
"""

from __future__ import annotations

from yarl import URL

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._callbacks import OnToken
from aioalf._login.cache_key import cache_key_for
from aioalf._login.derived_login import DerivedLogin, LogInFunction
from aioalf._login.login import Login
from aioalf._urls import is_insecure, redact_url
from aioalf.caches import TokenCache
from aioalf.errors import TokenConfigurationError
from aioalf.grants import Grant


def own_login(
    grant: Grant,
    endpoint: TokenEndpoint | None,
    cache: TokenCache | None,
    on_token: OnToken | None,
) -> Login:
    """Return a login of its own. Raises TokenConfigurationError for what cannot work."""
    if not (on_token is None or callable(on_token)):
        raise TokenConfigurationError("on_token must be callable")
    _check_transport(grant, None if endpoint is None else endpoint.url)
    key = ""
    if cache is not None and endpoint is not None:
        key = cache_key_for(grant, endpoint, endpoint.url)
    return Login(grant, cache=cache, key=key, on_token=on_token)


def shared_login(
    login: Login,
    grant: Grant,
    endpoint: TokenEndpoint,
    *,
    is_of_scope: bool,
    log_in: LogInFunction,
    log_in_anew: LogInFunction,
) -> Login | DerivedLogin:
    """Return what another endpoint has of a login; apart from it where there is none to share.

    The keywords are those of `DerivedLogin`.
    """
    key = cache_key_for(grant, endpoint, endpoint.url) if login.is_cached else ""
    if not grant.keeps_refresh_token:
        return login.apart(key)

    return DerivedLogin(login, key, is_of_scope=is_of_scope, log_in=log_in, log_in_anew=log_in_anew)


def _check_transport(grant: Grant, token_endpoint: URL | None) -> None:
    if grant.keeps_refresh_token and token_endpoint is not None and is_insecure(token_endpoint):
        raise TokenConfigurationError(
            f"The token endpoint {redact_url(token_endpoint)} is plain http, and {grant.name} has "
            "refresh tokens, which go by https only (RFC 6749 §10.4)"
        )
