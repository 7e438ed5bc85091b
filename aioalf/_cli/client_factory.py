"""Clients as profiles describe them: who asks, where, and how it proves who it is.

It knows the classes of the package, and nothing of commands and terminals.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Final, NoReturn

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._cli.cached_login import KeptLogin, NewLogin
from aioalf._cli.profiles import KEY, SERVICE, Profile, Profiles
from aioalf._cli.token_output import seconds_left
from aioalf._login.cache_key import cache_key_for
from aioalf._login.derived_login import DerivedLogin
from aioalf._login.login import Login
from aioalf.caches import TokenCache
from aioalf.client import Client
from aioalf.client_auth import (
    ClientAuth,
    ClientSecret,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    Credentials,
    PrivateKeyJWT,
    PublicClient,
    SecretFile,
)
from aioalf.errors import TokenConfigurationError, TokenError
from aioalf.grants import ClientCredentials, Grant
from aioalf.token import Token

SECRET: Final = "AIOALF_CLIENT_SECRET"  # noqa: S105 - a variable's name
"""The environment variable that may hold the client's secret."""

_METHODS: Final[dict[str, Callable[[], ClientAuth]]] = {
    "none": PublicClient,
    "client_secret_basic": ClientSecretBasic,
    "client_secret_post": ClientSecretPost,
    "client_secret_jwt": ClientSecretJWT,
}
_LATE: Final = 60.0
"""Seconds before its end in which a token is not handed out any more; of a short one a third."""


def secret_of(profile: Profile) -> ClientSecret | None:
    """Return the client's secret, or what gives it when it is needed; None for none."""
    if not profile.has_secret:
        return None
    if profile.secret_file is not None:
        return SecretFile(profile.secret_file)
    return os.environ.get(SECRET) or _missing_secret


def client_of(profile: Profile, cache: TokenCache, *, require_https: bool = True) -> Client:
    """Return a client that is logged in, and asks nobody to log in."""
    return Client(
        issuer=profile.issuer,
        endpoints=profile.endpoints,
        client_id=profile.client_id,
        client_secret=secret_of(profile),
        client_auth=_method_of(profile),
        grant=_kept_grant(profile),
        scope=profile.scope,
        resource=profile.resource,
        audience=profile.audience,
        cache=cache,
        require_https=require_https,
        raise_token_errors=True,
    )


async def log_in(
    profile: Profile,
    secret: ClientSecret | None,
    grant: Grant,
    profiles: Profiles,
    name: str,
) -> None:
    """Have a token got by a grant, and keep it with its profile in place of what there is.

    Raises TokenError; where nothing could be got or kept, nothing is changed.
    """
    kept, endpoint = profiles.tokens(name), _endpoint_of(profile, secret)
    cache, key = NewLogin(kept), key_for(profile)
    try:
        await Login(grant, cache=cache, key=key).token(endpoint, None)
    finally:
        await endpoint.close()
    if cache.problem is not None:
        raise cache.problem
    async with kept.lock(name):  # of two logins at once, the last has replaced the other
        old = profiles.find(name)
        profiles.save(name, profile)
        profiles.forget_further_tokens(name)
        if old is not None and key_for(old) != key:
            await kept.delete(key_for(old))


async def token_of(
    profile: Profile, profiles: Profiles, name: str, scope: tuple[str, ...]
) -> Token:
    """Return a token that is good for a while, of another scope than the login's if one is given.

    Of a person's login that is derived, as by `Client.with_options`. Raises TokenError.
    """
    asked = _endpoint_of(profile, secret_of(profile), scope)
    try:
        return await _fresh(_source(profile, profiles, name, asked), asked)
    finally:
        await asked.close()


def _source(
    profile: Profile, profiles: Profiles, name: str, asked: TokenEndpoint
) -> Login | DerivedLogin:
    grant, key, login_key = _kept_grant(profile), _key_of(profile, asked), key_for(profile)
    if profile.grant == SERVICE and key != login_key:
        return Login(grant, cache=profiles.further_tokens(name), key=key)
    login = Login(grant, cache=profiles.tokens(name), key=login_key)
    if key == login_key:
        return login
    nobody = partial(grant.request_token, asked)
    return DerivedLogin(login, key, has_own_scope=True, log_in=nobody, log_in_anew=nobody)


def key_for(profile: Profile) -> str:
    """Return the key that a profile's login is kept under."""
    return _key_of(profile, _endpoint_of(profile, None))


def _key_of(profile: Profile, asked: TokenEndpoint) -> str:
    return cache_key_for(_kept_grant(profile), asked, profile.endpoints.get("token_endpoint"))


async def _fresh(source: Login | DerivedLogin, endpoint: TokenEndpoint) -> Token:
    token = await source.token(endpoint, None)
    if token.expires_in is None or seconds_left(token) > min(_LATE, token.expires_in / 3):
        return token
    try:
        return await source.token(endpoint, token.access_token)
    except TokenError:
        if token.is_valid():
            return token
        raise


def _endpoint_of(
    profile: Profile, secret: ClientSecret | None, scope: tuple[str, ...] = ()
) -> TokenEndpoint:
    return TokenEndpoint(
        profile.endpoints.get("token_endpoint"),
        Credentials(profile.client_id, secret),
        _method_of(profile),
        issuer=profile.issuer,
        endpoints=profile.endpoints,
        asked=TokenRequestParams(scope or profile.scope, profile.resource, profile.audience),
    )


def _method_of(profile: Profile) -> ClientAuth | None:
    if profile.client_auth == KEY:
        key = SecretFile(profile.private_key or "")
        return PrivateKeyJWT(key, profile.algorithm or "ES256", profile.key_id)
    return None if profile.client_auth is None else _METHODS[profile.client_auth]()


def _kept_grant(profile: Profile) -> Grant:
    if profile.grant == SERVICE:
        return ClientCredentials()
    return KeptLogin(profile.grant)


async def _missing_secret() -> NoReturn:
    raise TokenConfigurationError(
        f"The client's secret is needed and is not kept: set {SECRET}, or log in with "
        "--client-secret-file"
    )
