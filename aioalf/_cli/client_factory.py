"""Build clients and tokens from a profile: grant, client authentication, cache.

Must not know commands or the terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._cli.cached_login import CachedLoginGrant, NewLoginCache
from aioalf._cli.network import Network
from aioalf._cli.profiles import CLIENT_CREDENTIALS, PRIVATE_KEY_JWT, Profile, Profiles
from aioalf._cli.token_output import seconds_left
from aioalf._cli.wire import Wire
from aioalf._login.cache_entry_format import StoredLogin, read_stored_login
from aioalf._login.cache_key import cache_key_for, cache_owner
from aioalf._login.derived_login import DerivedLogin
from aioalf._login.entry_claims import EntryClaims
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
from aioalf.errors import TokenError
from aioalf.grants import ClientCredentials, Grant
from aioalf.token import Token

_CLIENT_AUTH: Final[dict[str, Callable[[], ClientAuth]]] = {
    "none": PublicClient,
    "client_secret_basic": ClientSecretBasic,
    "client_secret_post": ClientSecretPost,
    "client_secret_jwt": ClientSecretJWT,
}
_NAMESPACE: Final = "aioalf"
"""Replaces the client secret in cache keys: each profile has its own cache, and a stored token must
be found without the secret."""
_MIN_VALIDITY: Final = 60.0
"""Seconds that a printed token stays valid, or a third of its lifetime if that is shorter."""


def make_client(
    profile: Profile,
    secret: ClientSecret | None,
    cache: TokenCache,
    network: Network,
    *,
    require_https: bool = True,
    wire: Wire | None = None,
) -> Client:
    """Return a client that uses the stored login and never asks the user to sign in.

    `wire` shows its requests.
    """
    return Client(
        issuer=profile.issuer,
        endpoints=profile.endpoints,
        client_id=profile.client_id,
        client_secret=secret,
        client_auth=_client_auth(profile),
        grant=_cached_grant(profile),
        scope=profile.scope,
        resource=profile.resource,
        audience=profile.audience,
        cache=cache,
        cache_namespace=_NAMESPACE,
        require_https=require_https,
        raise_token_errors=True,
        trust_env=True,
        proxy=network.proxy,
        connector=network.make_connector,
        trace_configs=None if wire is None else [wire.api_requests()],
        middlewares=None if wire is None else [wire.show_response],
        auth_trace_configs=None if wire is None else [wire.token_requests()],
    )


async def log_in(
    profile: Profile,
    secret: ClientSecret | None,
    grant: Grant,
    profiles: Profiles,
    name: str,
    network: Network,
) -> None:
    """Get a token with `grant`, and replace the stored profile and tokens.

    Raises TokenError. If no token was received or it could not be stored, the old login stays.
    """
    stored, endpoint = profiles.tokens(name), _token_endpoint(profile, secret)
    cache, key = NewLoginCache(stored), cache_key_of(profile)
    try:
        await network.apply_to(endpoint)
        await Login(grant, cache=cache, key=key).token(endpoint, None)
    finally:
        await endpoint.close()
    if cache.error is not None:
        raise cache.error
    async with EntryClaims(stored, name).claimed():  # the last of two concurrent logins stays
        old = profiles.find(name)
        profiles.save(name, profile)
        profiles.delete_other_scope_tokens(name)
        if old is not None and cache_key_of(old) != key:
            await stored.delete(cache_key_of(old))


async def get_token(
    profile: Profile,
    secret: ClientSecret | None,
    profiles: Profiles,
    name: str,
    scope: tuple[str, ...],
    network: Network,
) -> Token:
    """Return a token with some validity left, for `scope` or else for the scope of the login.

    If a user signed in, a token for another scope is derived, as by `Client.with_options`. Raises
    TokenError.
    """
    endpoint = _token_endpoint(profile, secret, scope)
    try:
        await network.apply_to(endpoint)
        return await _fresh_token(_login_for(profile, profiles, name, endpoint), endpoint)
    finally:
        await endpoint.close()


async def read_stored(profile: Profile, profiles: Profiles, name: str) -> StoredLogin | None:
    """Return the stored tokens of a login, which may have expired; None without tokens."""
    text = await profiles.tokens(name).get(cache_key_of(profile))
    return read_stored_login(text or "", now=datetime.now(UTC), monotonic=time.monotonic())


def _login_for(
    profile: Profile, profiles: Profiles, name: str, endpoint: TokenEndpoint
) -> Login | DerivedLogin:
    grant, key, login_key = _cached_grant(profile), _key(profile, endpoint), cache_key_of(profile)
    if profile.grant == CLIENT_CREDENTIALS and key != login_key:
        return Login(grant, cache=profiles.other_scope_tokens(name), key=key)
    login = Login(grant, cache=profiles.tokens(name), key=login_key)
    if key == login_key:
        return login
    refuse = partial(grant.request_token, endpoint)
    return DerivedLogin(login, key, has_own_scope=True, log_in=refuse, log_in_anew=refuse)


def cache_key_of(profile: Profile) -> str:
    """Return the cache key of the login of a profile."""
    return _key(profile, _token_endpoint(profile, None))


def _key(profile: Profile, endpoint: TokenEndpoint) -> str:
    owner = cache_owner(None, _NAMESPACE)
    url = profile.endpoints.get("token_endpoint")
    return cache_key_for(_cached_grant(profile), endpoint, url, owner)


async def _fresh_token(login: Login | DerivedLogin, endpoint: TokenEndpoint) -> Token:
    token = await login.token(endpoint, None)
    if token.expires_in is None or seconds_left(token) > min(_MIN_VALIDITY, token.expires_in / 3):
        return token
    try:
        return await login.token(endpoint, token.access_token)
    except TokenError:
        if token.is_valid():
            return token
        raise


def _token_endpoint(
    profile: Profile, secret: ClientSecret | None, scope: tuple[str, ...] = ()
) -> TokenEndpoint:
    return TokenEndpoint(
        profile.endpoints.get("token_endpoint"),
        Credentials(profile.client_id, secret),
        _client_auth(profile),
        issuer=profile.issuer,
        endpoints=profile.endpoints,
        request_params=TokenRequestParams(
            scope or profile.scope, profile.resource, profile.audience
        ),
    )


def _client_auth(profile: Profile) -> ClientAuth | None:
    if profile.client_auth == PRIVATE_KEY_JWT:
        key = SecretFile(profile.private_key_file or "")
        return PrivateKeyJWT(key, profile.algorithm or "ES256", profile.key_id)
    return None if profile.client_auth is None else _CLIENT_AUTH[profile.client_auth]()


def _cached_grant(profile: Profile) -> Grant:
    if profile.grant == CLIENT_CREDENTIALS:
        return ClientCredentials()
    return CachedLoginGrant(profile.grant)
