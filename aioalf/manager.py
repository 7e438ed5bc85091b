"""The token manager: one valid token, however many callers.

It caches, joins and renews; it knows nothing of forms, of HTTP and of the requests that carry
the token.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Collection, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, cast

from yarl import URL

from aioalf._auth_server.http import Network
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._auth_server.token_response import ResponsePolicy, read_token, response_policy
from aioalf._callbacks import OnToken
from aioalf._login.derived_login import DerivedLogin
from aioalf._login.factory import own_login, shared_login
from aioalf._login.login import Login
from aioalf._login.logout import Logout
from aioalf._single_flight import SingleFlight, copy_exception, copy_without_frames
from aioalf._urls import missing_endpoint_error
from aioalf.caches import TokenCache
from aioalf.client_auth import ClientAuth
from aioalf.client_auth.credentials import ClientSecret, Credentials
from aioalf.errors import (
    AuthorizationError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
)
from aioalf.grants import Grant
from aioalf.grants.client_credentials import CLIENT_CREDENTIALS
from aioalf.renewal import Renewal
from aioalf.retry import Retry, retry_after_of
from aioalf.token import Token

__all__ = ("TokenError", "TokenHTTPError", "TokenManager")

logger: logging.Logger = logging.getLogger(__name__)

# One for all managers: clients may be many.
_RENEWAL = Renewal()
_NOTHING_DERIVED: Mapping[tuple[frozenset[str], ...], TokenManager] = MappingProxyType({})
_NEVER = -math.inf
_MAX_PAUSE = 60.0
"""Seconds that a server's ``Retry-After`` can make callers get an error without a request."""


class TokenManager:
    """Gets a token with the client credentials grant, and keeps it until it expires or is refused.

    ``http_options`` are keywords of aiohttp's ``request`` for token requests; ``scope`` is a string
    or a collection of strings. ``grant`` is client credentials by default, ``client_auth`` HTTP
    Basic; with an issuer or a grant it is what the server lists and the client has credentials for,
    Basic first.

    ``issuer`` finds endpoints in its metadata; ``token_endpoint`` and ``endpoints``, by their names
    there, go before it. ``resource`` and ``audience``, one or several, and ``extra_params`` go with
    each token request as ``scope`` does, a refresh included. ``cache`` keeps what was granted, for
    all that ask for the same. ``on_token`` is called with each new token, before its callers get
    it: a coroutine function or a plain one, which must not use the client.

    ``default_expires_in``, in seconds, stands for an ``expires_in`` that the server
    leaves out: without it such a token is used until it is refused. ``allow_narrower_scope`` takes
    a token with less scope than was asked for. `Renewal` says when a token is renewed, and how long
    a failing endpoint is left alone; `Retry` how often a request that failed is made again.

    No event loop is needed to make one, and it may be used in one loop after another. A subclass
    may override ``_get_token_data``, a coroutine that returns the members of a token response.
    Raises TokenConfigurationError for a URL or options that cannot work; what is missing is said
    on first use.
    """

    def __init__(
        self,
        token_endpoint: str | URL | None,
        client_id: str | None,
        client_secret: ClientSecret | None,
        http_options: Mapping[str, Any] | None = None,
        scope: str | Collection[str] | None = None,
        *,
        issuer: str | None = None,
        endpoints: Mapping[str, str | URL] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra_params: Mapping[str, str] | None = None,
        client_auth: ClientAuth | None = None,
        grant: Grant | None = None,
        cache: TokenCache | None = None,
        on_token: OnToken | None = None,
        default_expires_in: float | None = None,
        allow_narrower_scope: bool = False,
        renewal: Renewal | None = None,
        retry: Retry | None = None,
    ) -> None:
        _check_options(
            endpoints=endpoints,
            client_auth=client_auth,
            grant=grant,
            cache=cache,
            renewal=renewal,
            retry=retry,
        )
        self._expected: ResponsePolicy | None = None
        if default_expires_in is not None or allow_narrower_scope:
            self._expected = response_policy(
                default_expires_in, allow_narrower_scope=allow_narrower_scope
            )
        asked = _asked(scope, resource, audience, extra_params)
        self._grant: Grant = grant or _client_credentials()
        self._endpoint: TokenEndpoint | None = None
        token_endpoint = token_endpoint or (endpoints or {}).get("token_endpoint")
        if token_endpoint or issuer is not None or endpoints:
            # What talks to a server comes with the first manager that has one.

            self._endpoint = TokenEndpoint(
                token_endpoint or None,
                Credentials(client_id, client_secret),
                client_auth,
                http_options=http_options,
                issuer=issuer,
                endpoints=endpoints,
                asked=asked,
                expected=self._expected,
                retry=retry,
            )
        self._authorization: Login | DerivedLogin | None = None
        if self._grant.keeps_refresh_token or cache is not None or on_token is not None:
            self._authorization = own_login(self._grant, self._endpoint, cache, on_token)
        self._renewal = renewal or _RENEWAL
        self._begin()

    def _begin(self) -> None:
        self._flight = SingleFlight[Token]()
        self._generation = 0
        self._token: Token | None = None
        self._refused_token: str | None = None
        self._renew_at = _NEVER
        self._failure: Exception | None = None
        self._paused_until = _NEVER
        self._unproven_until = _NEVER

    _root: TokenManager | None = None
    """The manager that this one is derived from."""

    _derived: Mapping[tuple[frozenset[str], ...], TokenManager] = _NOTHING_DERIVED
    """Those that are derived from this one, by what they ask for; none is one for all."""

    def with_options(
        self,
        *,
        scope: str | Collection[str] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra_params: Mapping[str, str] | None = None,
    ) -> TokenManager:
        """Return a manager that asks for something else, with the same login.

        What is not given is as here. It has a token of its own, and shares the endpoints, the
        credentials and the login: a refresh token that either got serves both. The same arguments
        give the same manager. It is closed with this one, and `logout` of either ends the login.
        Raises TokenConfigurationError for what cannot work, and in a subclass, which knows best how
        to make another of its kind.
        """
        if type(self) is not TokenManager:
            raise TokenConfigurationError(
                f"{type(self).__name__} is a class of its own: make another one of it, or give it "
                "a with_options()"
            )
        if self._endpoint is None:
            raise missing_endpoint_error("token_endpoint")
        root = self._root or self
        asked = self._endpoint.asked.but(scope, resource, audience, extra_params)
        made = root._derived.get(asked.identity)
        if made is None:
            made = root._derive(self._endpoint.asking(asked))
            root._derived = {**root._derived, asked.identity: made}
        return made

    def _derive(self, endpoint: TokenEndpoint) -> TokenManager:
        made = object.__new__(TokenManager)
        made._expected = self._expected
        made._grant = self._grant
        made._endpoint = endpoint
        # A derived one has no derived ones of its own: the first's is a login, or there is none.
        login = cast("Login | None", self._authorization)
        made._authorization = None if login is None else self._share(login, endpoint)
        made._renewal = self._renewal
        made._root = self
        made._begin()
        return made

    def _share(self, login: Login, endpoint: TokenEndpoint) -> Login | DerivedLogin:

        return shared_login(
            login,
            self._grant,
            endpoint,
            is_of_scope=endpoint.asked.scope_set != (self._endpoint or endpoint).asked.scope_set,
            log_in=self.get_token,
            log_in_anew=self._obtain,
        )

    def cached_token(self) -> str | None:
        """Return the token in place, None when there is none that is valid.

        In the last part of its life it is renewed in the background meanwhile.
        """
        token = self._token
        if token is None:
            return None
        # One comparison decides for nearly every call: that is what keeps a cached token fast.
        now = time.monotonic()
        if now >= self._renew_at:
            if now >= token.deadline:
                return None
            self._renew_in_background(now)
        return token.access_token

    async def get_token(self) -> str:
        """Return a valid access token, asking the token endpoint when there is none.

        However many ask at once, one request is made, and each gets its token or an own copy of its
        error; for a short pause after a failure that error is raised without a request. A token
        that expires at once (``expires_in`` 0) serves those who waited for it, and nobody after.
        Raises TokenError.
        """
        token = self._token
        if token is not None and time.monotonic() < self._renew_at:  # peek's, without the call
            return token.access_token
        return self.cached_token() or (await self._obtain()).access_token

    def can_renew(self, rejected: str) -> bool:
        """Tell whether `renew_token` has, or would ask for, another token than this one.

        Not when it is itself the product of a renewal that helped nobody, a pause ago at most, and
        has not expired: an API that refuses every token must not make a token request each time.
        """
        token = self._token
        return (
            token is None
            or token.access_token != rejected
            or time.monotonic() >= min(self._unproven_until, token.deadline)
        )

    async def renew_token(self, rejected: str) -> str:
        """Return a token to use in place of one that an API refused.

        When another is in place already, or on its way, it is that one: many refusals of one token
        make one request. It is the refused one where `can_renew` says no. Raises TokenError.
        """
        if not self.can_renew(rejected):
            return rejected
        may_be_cached = self._token is None and self._authorization is not None
        self.mark_rejected(rejected)
        token = await self.get_token()
        if token == rejected and may_be_cached:  # who looked there did not know of this yet
            self.mark_rejected(rejected)
            token = await self.get_token()
        return token

    def mark_rejected(self, token: str) -> None:
        """Forget a token that an API refused, if it is in place and `can_renew` says yes."""
        if self._token is not None and self._token.access_token == token and self.can_renew(token):
            self._token = None
            self._refused_token = token
            self._unproven_until = math.inf  # as `_keep` says when another has come

    def mark_accepted(self) -> None:
        """Take note that a renewed token was accepted: the next refusal is renewed at once."""
        self._unproven_until = _NEVER

    async def reset_token(self) -> None:
        """Forget the token, and what failed; the next `get_token` asks for a new one.

        What is on its way already goes to those who wait for it and is not kept.
        """
        self._flight.abandon()
        if self._token is not None:
            self._refused_token = self._token.access_token  # as long as a cache holds it
        self._forget()

    async def logout(self) -> None:
        """Forget the token, the refresh token and what the cache has, and revoke both (RFC 7009).

        They are revoked where the issuer's metadata or ``endpoints`` names a
        ``revocation_endpoint``, and are forgotten in every case: also when that fails or is
        cancelled. What is on its way is ended; what comes of a refresh that has left is revoked.
        The next `get_token` begins anew, as at first. Raises RevocationError when a token could not
        be revoked, CacheError when the cache could not be read or emptied.
        """

        leaving, managers = Logout(), self._family()
        for manager in managers:
            manager._flight.check_loop()
        for manager in managers:
            leaving.add(manager._token, manager._authorization, manager._endpoint)
            manager._forget()
            manager._flight.end()
        await leaving.end(self._endpoint)

    async def introspect(
        self, token: str, token_type_hint: str | None = None
    ) -> Mapping[str, object]:
        """Return what the server says of a token, one of anybody's (RFC 7662 §2.2).

        ``active`` is there and a boolean; where it is False, nothing else counts. It is asked at
        the ``introspection_endpoint`` of the issuer's metadata or of ``endpoints``, each time.
        Raises TokenError when there is no such answer: then nothing is known of the token.
        """
        if self._endpoint is None:
            raise missing_endpoint_error("introspection_endpoint")
        return await self._endpoint.introspect(token, token_type_hint)

    async def close(self) -> None:
        """End a token request that is under way; who waits for it gets a TokenError.

        A refresh token that was sent may count no more: its answer is awaited, and kept.
        """
        managers = self._family() if self._root is None else [self]
        for manager in managers:
            manager._flight.check_loop()
        for manager in managers:
            manager._generation += 1
        if self._endpoint is not None and self._root is None:
            await self._endpoint.close()  # first: a refresh that has not left need not be awaited
        for manager in managers:
            manager._flight.end()
        for manager in managers:
            await manager._flight.close()

    def retry_after(self) -> float:
        """Return for how many seconds the last failure is raised without a request; 0 for none."""
        return 0.0 if self._failure is None else max(0.0, self._paused_until - time.monotonic())

    def use_network(self, network: Network) -> None:
        """Send token requests through the connector and proxy of the session that this returns."""
        if self._endpoint is not None:
            self._endpoint.use_network(network)

    def _family(self) -> list[TokenManager]:
        """Return the managers that share a login: the first, and those derived from it."""
        root = self._root or self
        return [root, *root._derived.values()]

    def _forget(self) -> None:
        self._token = self._failure = None
        self._unproven_until = _NEVER
        self._generation += 1

    def _obtain(self) -> Coroutine[object, object, Token]:
        if self._failure is not None and not self._flight.is_in_the_air and self.retry_after():
            raise copy_exception(self._failure)
        return self._flight.run(self._fly)

    def _renew_in_background(self, now: float) -> None:
        if now >= self._paused_until and not self._flight.is_in_the_air:
            self._flight.start(self._fly)

    def _fly(self) -> Coroutine[object, object, Token]:
        return self._fly_in(self._generation)  # a reset may come before the first step

    async def _fly_in(self, generation: int) -> Token:
        try:
            token = await self._renew()
        except Exception as error:
            if generation == self._generation:
                self._note_failure(error)
            raise
        if generation == self._generation:
            self._failure = None
            self._keep(token)
        return token

    async def _renew(self) -> Token:
        return await self._fetch()

    def _keep(self, token: Token) -> None:
        if self._token is None and self._unproven_until > _NEVER:
            # From when it came: to get it may have taken longer than the pause.
            self._unproven_until = time.monotonic() + self._renewal.failure_backoff
        self._token = token
        chance = random.random()  # noqa: S311 - jitter
        self._renew_at = self._renewal.begins_at(token.expires_in, token.deadline, chance)

    def _note_failure(self, error: Exception) -> None:
        """Leave the endpoint alone for a while; say once that callers still have a token."""

        asked_for = retry_after_of(error) or 0.0
        now = time.monotonic()
        if self._token is not None and now < self._token.deadline:
            if self._failure is None:
                logger.warning("The token could not be renewed ahead of its expiry: %s", error)
            if isinstance(error, AuthorizationError | LoginTimeoutError):
                self._renew_at = self._token.deadline  # nobody is asked twice ahead of time
        elif isinstance(error, TokenConfigurationError):
            return  # nothing was asked, and who mends it need not wait
        self._failure = copy_without_frames(error)
        self._paused_until = now + max(self._renewal.failure_backoff, min(asked_for, _MAX_PAUSE))

    async def _fetch(self) -> Token:
        sent_at = time.monotonic()
        data = await self._get_token_data()
        if isinstance(data, Token):
            return data

        return read_token(data, self._expected, sent_at=sent_at)

    async def _get_token_data(self) -> Token | Mapping[str, Any]:
        if self._endpoint is None:
            raise missing_endpoint_error("token_endpoint")
        if self._authorization is None:
            return await self._grant.request_token(self._endpoint)
        # One that is in place when another is asked for is late in its life, or over.
        unwanted = self._refused_token if self._token is None else self._token.access_token
        return await self._authorization.token(self._endpoint, unwanted)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} token={self._token!r}>"


def _client_credentials() -> Grant:

    return CLIENT_CREDENTIALS


def _asked(
    scope: str | Collection[str] | None,
    resource: str | Collection[str] | None,
    audience: str | Collection[str] | None,
    extra_params: Mapping[str, str] | None,
) -> TokenRequestParams | None:
    if scope is resource is audience is extra_params is None:
        return None

    return TokenRequestParams(scope, resource, audience, extra_params)


def _check_options(**options: object) -> None:
    kinds: dict[str, type] = {"endpoints": Mapping, "renewal": Renewal}
    if options["retry"] is not None:
        kinds["retry"] = Retry
    for name, option in options.items():
        if isinstance(option, type):
            raise TokenConfigurationError(f"{name} must be an object, not a class: call it")
        if name in kinds and not isinstance(option, kinds[name] | None):
            raise TokenConfigurationError(f"{name} must be a {kinds[name].__name__}")
