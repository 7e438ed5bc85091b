"""`Client`: an aiohttp session whose requests are authorized.

A facade: what users hold in their hands. It knows nothing of getting tokens and of sending.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from copy import copy
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Final, NoReturn, Self, Unpack, cast

from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse
from aiohttp.client import (
    _RequestOptions,  # pyright: ignore[reportPrivateUsage] - they have no public name
    _WSConnectOptions,  # pyright: ignore[reportPrivateUsage]
)
from aiohttp.typedefs import StrOrURL
from yarl import URL

from aioalf._callbacks import OnToken
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.context import RequestContextManager
from aioalf._requests.dispatcher import RequestDispatcher
from aioalf._requests.manager_adapter import TokenProvider, overrides
from aioalf._requests.recipe import Recipe
from aioalf._requests.retry_on_401 import RenewalMiddleware
from aioalf._requests.session import SessionProvider
from aioalf._requests.shared_session import SharedSession
from aioalf.caches import TokenCache
from aioalf.client_auth import ClientAuth, ClientSecret
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.grants import Grant
from aioalf.httpclient import HTTPRequest
from aioalf.manager import TokenManager
from aioalf.renewal import Renewal
from aioalf.retry import Retry

__all__ = ("Client", "TokenError", "TokenHTTPError", "TokenManager")


_NOTHING_DERIVED: Final[Mapping[object, Any]] = MappingProxyType({})


class Client:
    """Sends requests as an aiohttp session does, each with a valid bearer token.

    ``client_id``, ``client_secret`` and ``token_endpoint`` say where tokens come from;
    ``http_options`` are keywords of aiohttp's ``request`` for the token request; ``scope`` is a
    string or a collection of strings. ``session`` is used for the requests and left open by
    `close`, else one is made on first use. ``allowed_origins`` are the only ones that requests may go to.
    ``require_https`` refuses plain http to other machines, else that is warned of once per origin.
    ``raise_token_errors`` raises TokenHTTPError where the token endpoint's error response would be
    returned. `TokenManager` tells of the other keywords.

    An Authorization field of the caller's is replaced. After a 401 that a new token may help, the
    token is renewed and the request repeated once; where its body cannot be sent again, the 401 is
    returned. When the token endpoint answers with an error, that response is returned and the
    request is not sent.

    No event loop is needed to make one. ``token_manager_class`` makes the manager: any class that
    takes the first five keywords and has ``get_token()`` and ``reset_token()``.
    """

    token_manager_class: ClassVar[Callable[..., TokenProvider]] = TokenManager

    def __init__(
        self,
        client_id: str | None = None,
        client_secret: ClientSecret | None = None,
        token_endpoint: str | URL | None = None,
        http_options: Mapping[str, object] | None = None,
        scope: str | Collection[str] | None = None,
        *,
        issuer: str | None = None,
        endpoints: Mapping[str, str | URL] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra_params: Mapping[str, str] | None = None,
        session: ClientSession | None = None,
        allowed_origins: Iterable[str | URL] | None = None,
        require_https: bool = False,
        raise_token_errors: bool = False,
        client_auth: ClientAuth | None = None,
        grant: Grant | None = None,
        cache: TokenCache | None = None,
        on_token: OnToken | None = None,
        default_expires_in: float | None = None,
        allow_narrower_scope: bool = False,
        renewal: Renewal | None = None,
        retry: Retry | None = None,
    ) -> None:
        # A manager class written for 0.4.0 knows the first five keywords only.
        new = {
            "issuer": issuer,
            "endpoints": endpoints,
            "resource": resource,
            "audience": audience,
            "extra_params": extra_params,
            "client_auth": client_auth,
            "grant": grant,
            "cache": cache,
            "on_token": on_token,
            "default_expires_in": default_expires_in,
            "allow_narrower_scope": allow_narrower_scope or None,
            "renewal": renewal,
            "retry": retry,
        }
        arguments: dict[str, object] = {
            "token_endpoint": token_endpoint,
            "client_id": client_id,
            "client_secret": client_secret,
            "http_options": {} if http_options is None else http_options,
            "scope": scope,
            **{name: value for name, value in new.items() if value is not None},
        }
        self._token_manager = self.token_manager_class(**arguments)
        if type(self._token_manager) is not TokenManager:
            self._recipe = Recipe(self.token_manager_class, arguments)
        self._bearer = AuthorizationHeader(self._token_manager)
        self._sessions = SessionProvider(RenewalMiddleware(self._bearer).__call__, session)
        self._bearer.use_network(self._sessions.network)
        self._sender = RequestDispatcher(
            self._bearer,
            self._sessions,
            allowed_origins=allowed_origins,
            require_https=require_https,
            raise_token_errors=raise_token_errors,
        )

    # Requests

    def request(
        self,
        method: str | HTTPRequest,
        url: StrOrURL | None = None,
        **options: Unpack[_RequestOptions],
    ) -> RequestContextManager[ClientResponse]:
        """Send a request: a method and a URL, or an `HTTPRequest`.

        The options are those of aiohttp's ``request``. Await it, or enter it with ``async with``.
        Raises what aiohttp raises, and TokenError when no token can be had and the token endpoint
        gave no response to return.
        """
        if isinstance(method, HTTPRequest) and url is None:
            return self.fetch(method, **options)
        if isinstance(method, HTTPRequest) or url is None:
            raise TypeError(
                "request() needs a method and a URL, or an HTTPRequest; fetch() takes a URL alone"
            )
        return RequestContextManager(self._sender.send(method, url, options))

    def fetch(
        self,
        request: StrOrURL | HTTPRequest,
        *,
        method: str | None = None,
        **options: Unpack[_RequestOptions],
    ) -> RequestContextManager[ClientResponse]:
        """Send an `HTTPRequest`, or a URL, with GET by default; what is given here goes first."""
        if isinstance(request, HTTPRequest):
            given = {**request.options, **options}
            return RequestContextManager(
                self._sender.send(method or request.method, request.url, given)
            )
        return RequestContextManager(self._sender.send(method or "GET", request, options))

    def get(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a GET request."""
        return RequestContextManager(self._sender.send("GET", url, options))

    def options(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send an OPTIONS request."""
        return RequestContextManager(self._sender.send("OPTIONS", url, options))

    def head(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a HEAD request; without ``allow_redirects=True`` no redirect is followed."""
        return RequestContextManager(
            self._sender.send("HEAD", url, {"allow_redirects": False, **options})
        )

    def post(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a POST request."""
        return RequestContextManager(self._sender.send("POST", url, options))

    def put(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a PUT request."""
        return RequestContextManager(self._sender.send("PUT", url, options))

    def patch(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a PATCH request."""
        return RequestContextManager(self._sender.send("PATCH", url, options))

    def delete(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a DELETE request."""
        return RequestContextManager(self._sender.send("DELETE", url, options))

    def ws_connect(
        self, url: StrOrURL, **options: Unpack[_WSConnectOptions]
    ) -> RequestContextManager[ClientWebSocketResponse]:
        """Open a websocket; options are those of aiohttp's ``ws_connect``.

        Raises what aiohttp raises, and TokenError when no token can be had.
        """
        return RequestContextManager(self._sender.connect(url, options))

    # Tokens

    _root: Self | None = None
    """The client that this one is derived from."""

    _derived: Mapping[object, Self] = _NOTHING_DERIVED
    """Those that are derived from this one, by manager or by what they ask for."""

    _recipe: Recipe | None = None
    """How a manager of a user's own class was made."""

    def with_options(
        self,
        *,
        scope: str | Collection[str] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra_params: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a client whose tokens are for something else, with the same login.

        What is not given is as here. It has a token of its own and shares all else: session,
        endpoints, credentials, and the refresh token, whoever got it. The same arguments give the
        same client, so that ``client.with_options(scope="a").get(url)`` may be written for each request.
        It is closed with this one; closed alone, it is open again when it is asked for again.
        `logout` of either ends the login.

        A refresh asks for no scope that the login was not granted: ScopeNotGrantedError. Raises
        TokenConfigurationError for what cannot work, and for what a token manager of a user's own
        cannot be told; such a one is made anew, and shares no login.
        """

        changes = {"scope": scope, "resource": resource, "audience": audience}
        changes["extra_params"] = extra_params
        if self._recipe is None or overrides(self._token_manager, "with_options"):
            with_: Callable[..., TokenProvider] = getattr(self._token_manager, "with_options")  # noqa: B009
            manager, recipe = with_(**changes), self._recipe
            return self._of_root(manager, lambda: manager, recipe)
        recipe = self._recipe.but(**changes)
        return self._of_root(recipe.identity, recipe.make, recipe)

    def _of_root(
        self, key: object, make: Callable[[], TokenProvider], recipe: Recipe | None
    ) -> Self:
        root = self._root or self
        made = root._derived.get(key)
        if made is None:
            made = root._derive(make(), recipe)
            root._derived = {**root._derived, key: made}
        made._sessions.closed = made._bearer.is_closed = root._sessions.closed
        return made

    def _derive(self, manager: TokenProvider, recipe: Recipe | None) -> Self:

        made = copy(self)
        vars(made).pop("_derived", None)
        made._root, made._token_manager, made._recipe = self, manager, recipe
        made._bearer = AuthorizationHeader(manager)
        middleware = RenewalMiddleware(made._bearer).__call__
        made._sessions = SharedSession(self._sessions, middleware)
        made._bearer.use_network(self._sessions.network)
        made._sender = self._sender.derive(made._bearer, made._sessions)
        return made

    async def introspect(
        self, token: str, token_type_hint: str | None = None
    ) -> Mapping[str, object]:
        """Return what the server says of a token, as an API asks that was sent one (RFC 7662).

        ``active`` is there and a boolean; where it is False, nothing else counts. The API has to
        look at the rest: whether ``aud`` is itself, and ``scope`` enough. Raises TokenError when
        there is no such answer, TokenConfigurationError for a token manager that cannot ask.
        """
        introspect = getattr(self._token_manager, "introspect", None)
        if introspect is None:
            raise TokenConfigurationError(
                f"{type(self._token_manager).__name__} has no introspect(): it is TokenManager's"
            )
        return cast("Mapping[str, object]", await introspect(token, token_type_hint))

    async def logout(self) -> None:
        """Forget what was granted, here and in the cache, and revoke it at the server (RFC 7009).

        It is forgotten in every case, also when the server cannot be reached; then RevocationError
        says that it may count still. It is revoked where the issuer's metadata, or ``endpoints``,
        names a ``revocation_endpoint``. The next request begins the grant anew. `TokenManager`
        tells more; a manager of a user's own is asked for its ``logout``, else it is reset.
        """
        root = self._root or self
        problem: BaseException | None = None
        # Managers of ours are one family; others know nothing of each other.
        for client in (root,) if root._recipe is None else root._family():
            try:
                await client._bearer.logout()
            except BaseException as error:  # noqa: BLE001 - the others are logged out all the same
                problem = problem or error
        if problem is not None:
            raise problem

    def _family(self) -> tuple[Self, ...]:
        return (self, *self._derived.values())

    # Life

    @property
    def closed(self) -> bool:
        """Whether `close` was called; entering the client again opens it again."""
        return self._sessions.closed

    async def close(self) -> None:
        """End token requests that are under way, and close the session, unless it was given.

        The answer to a refresh token that was sent is awaited, for it may count once only.
        """
        self._sessions.check_loop()
        self._set_closed(is_closed=True)
        async with AsyncExitStack() as last_first:
            last_first.push_async_callback(self._sessions.close)
            for derived in self._derived.values():
                last_first.push_async_callback(derived.close)
            last_first.push_async_callback(self._bearer.close)

    def _set_closed(self, *, is_closed: bool) -> None:
        for client in self._family():
            client._sessions.closed = client._bearer.is_closed = is_closed

    async def __aenter__(self) -> Self:
        self._set_closed(is_closed=False)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __enter__(self) -> NoReturn:
        raise TypeError("Use async with instead.")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Python looks for it before it calls ``__enter__``."""
