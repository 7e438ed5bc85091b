"""`Client`: an aiohttp session whose requests are authorized.

A facade that connects a token manager with a session. Must not know how tokens are fetched or how
requests are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from copy import copy
from typing import TYPE_CHECKING, ClassVar, Self, Unpack, cast

from aiohttp import ClientResponse, ClientSession
from aiohttp.typedefs import StrOrURL
from yarl import URL

from aioalf._closing import run_to_completion
from aioalf._error_frames import hide_locals_on_error
from aioalf._hidden_repr import MaskedStr
from aioalf._legacy_hooks import REMOVED_FROM_CLIENT, refuse_removed_hooks
from aioalf._masking import Unpicklable
from aioalf._options import ClientOptions, TokenRequestOptions, split_options
from aioalf._recently_used import RecentlyUsed
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.context import AsyncOnly, RequestContextManager
from aioalf._requests.dispatcher import RequestDispatcher
from aioalf._requests.manager_adapter import TokenProvider
from aioalf._requests.origin_policy import OriginPolicy
from aioalf._requests.session import SessionProvider
from aioalf._requests.targets import make_targets
from aioalf._requests.verbs import RequestVerbs
from aioalf.client_auth import ClientSecret
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.httpclient import HTTPRequest
from aioalf.manager import TokenManager
from aioalf.token import Token

if TYPE_CHECKING:
    # aiohttp gives it no public name, and older versions do not define it at run time.
    from aiohttp.client import _RequestOptions  # pyright: ignore[reportPrivateUsage]

__all__ = ("Client", "TokenError", "TokenHTTPError", "TokenManager")


class Client(RequestVerbs, Unpicklable, AsyncOnly):
    """Sends requests like an aiohttp session, each with a valid bearer token.

    An Authorization header of the caller is replaced. After a 401 the token is renewed and the
    request repeated once, if a new token may help and the body can be sent again; otherwise the 401
    is returned. If the token endpoint responds with an error, that response is returned and the
    request is not sent. Creating a client needs no running event loop.

    Attributes:
        token_manager_class: Creates the token manager. Any class that accepts the first five
            arguments as keywords and has ``get_token()`` and ``reset_token()``.

    Args:
        client_id: Identifies the client.
        client_secret: The client's password, or a function that returns it.
        token_endpoint: URL of the token endpoint.
        http_options: Keyword arguments of aiohttp's ``request`` for requests to the authorization
            server.
        scope: Requested scope, as a space-separated string or a collection of strings.
        session: Session to send requests with; `close` leaves it open. By default the client
            creates one on first use in an event loop. Token requests use its proxy and its TLS
            settings if these verify certificates, but not its connections (see ``auth_session``).
        allowed_origins: The only origins that requests may be sent to, such as
            ``https://api.example.com``. By default all origins are allowed.
        require_https: Refuse plain http to other machines. By default it causes one warning for
            each host (RFC 6750 §5.3).
        raise_token_errors: Raise `TokenHTTPError` instead of returning its response.
        options: The keyword options of `TokenManager`, and arguments of `aiohttp.ClientSession` for
            the client's own session: ``base_url``, ``headers``, ``cookies``, ``skip_auto_headers``,
            ``timeout``, ``trust_env``, ``proxy``, ``proxy_auth``, ``raise_for_status``,
            ``json_serialize``, ``json_serialize_bytes``, ``trace_configs``, ``cookie_jar``,
            ``connector``, ``connector_owner``, ``auto_decompress``, ``requote_redirect_url``,
            ``read_bufsize``, ``max_line_size``, ``max_field_size``, ``max_headers``,
            ``fallback_charset_resolver``, ``version``, ``request_class``, ``response_class``,
            ``ws_response_class`` and ``middlewares``. ``cookie_jar`` and ``connector`` may be
            functions that make one; they are called for each new session.

    Raises:
        TokenConfigurationError: If no authorization server is given, a URL is malformed, or options
            contradict each other.
    """

    token_manager_class: ClassVar[Callable[..., TokenProvider]] = TokenManager

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        refuse_removed_hooks(cls, Client, REMOVED_FROM_CLIENT)

    @hide_locals_on_error
    def __init__(
        self,
        client_id: str | None = None,
        client_secret: ClientSecret | None = None,
        token_endpoint: str | URL | None = None,
        http_options: Mapping[str, object] | None = None,
        scope: str | Collection[str] | None = None,
        *,
        session: ClientSession | None = None,
        allowed_origins: Iterable[str | URL] | None = None,
        require_https: bool = False,
        raise_token_errors: bool = False,
        **options: Unpack[ClientOptions],
    ) -> None:
        manager_options, session_options = split_options(options)
        # A manager class written for 0.4.0 accepts the first five keywords only.
        self._token_manager = self.token_manager_class(
            token_endpoint=token_endpoint,
            client_id=client_id,
            client_secret=client_secret,
            http_options={} if http_options is None else http_options,
            scope=scope,
            **manager_options,
        )
        self._header = AuthorizationHeader(self._token_manager)
        rules = self._header.rules
        self._sessions = SessionProvider(session, session_options, rules.header)
        if session is not None:
            self._header.manager.use_session(session)
        self._dispatcher = RequestDispatcher(
            self._header,
            self._sessions,
            make_targets(
                OriginPolicy(
                    allowed_origins,
                    require_https=require_https,
                    allow_http_hosts=options.get("allow_http_hosts"),
                ),
                rules,
                session_options.get("base_url"),
                session,
            ),
            raise_token_errors=raise_token_errors,
        )
        self._root: Self | None = None
        self._derived: RecentlyUsed[TokenProvider, Self] | None = None

    # Requests

    def request(
        self,
        method: str | HTTPRequest,
        url: StrOrURL | None = None,
        **options: Unpack[_RequestOptions],
    ) -> RequestContextManager[ClientResponse]:
        """Send a request. Await the result, or enter it with ``async with``.

        Args:
            method: HTTP method, or an `HTTPRequest` without a URL.
            url: URL of the request.
            options: Keyword arguments of aiohttp's ``request``.

        Raises:
            TokenError: If no token is available and the token endpoint sent no response.
            aiohttp.ClientError: As aiohttp's ``request``.
        """
        if isinstance(method, HTTPRequest) and url is None:
            return self.fetch(method, **options)
        if isinstance(method, HTTPRequest) or url is None:
            raise TypeError(
                "request() needs a method and a URL, or an HTTPRequest; fetch() accepts a URL alone"
            )
        return RequestContextManager(self._dispatcher.send(method, url, options))

    def fetch(
        self,
        request: StrOrURL | HTTPRequest,
        *,
        method: str | None = None,
        **options: Unpack[_RequestOptions],
    ) -> RequestContextManager[ClientResponse]:
        """Send an `HTTPRequest`, or a GET request to a URL. Arguments override the `HTTPRequest`.

        Raises:
            TokenError: As `request`.
            aiohttp.ClientError: As aiohttp's ``request``.
        """
        if isinstance(request, HTTPRequest):
            merged = {**request.options, **options}
            return RequestContextManager(
                self._dispatcher.send(method or request.method, request.url, merged)
            )
        return RequestContextManager(self._dispatcher.send(method or "GET", request, options))

    # Tokens

    @hide_locals_on_error
    def with_options(self, **options: Unpack[TokenRequestOptions]) -> Self:
        """Return a client that requests other tokens with the same login and session.

        It has a token of its own and shares everything else: session, endpoints, credentials and
        the refresh token. The same arguments return the same client, so that
        ``client.with_options(scope="a").get(url)`` may be written for each request. The 10,000 most
        recently used clients are kept. Closing this client closes the derived client too. If only
        the derived client was closed, this method opens it again. `logout` of either client ends
        the login.

        Args:
            options: ``scope``, ``resource``, ``audience``, ``extra_params``. Omitted ones are as
                in this client.

        Raises:
            TokenConfigurationError: If the options cannot work, or if the token manager has no
                ``with_options``.
        """
        with_options = getattr(self._token_manager, "with_options", None)
        if with_options is None:
            raise TokenConfigurationError(
                f"{type(self._token_manager).__name__} has no with_options(), so this client "
                "cannot request other tokens: create another Client"
            )
        return self._of_family(with_options(**options))

    def _of_family(self, manager: TokenProvider) -> Self:
        root = self._root or self
        root._derived = root._derived or RecentlyUsed()
        client = root._derived.get(manager, lambda: root._derive(manager))
        client._header.is_closed = root._header.is_closed
        return client

    def __copy__(self) -> Self:
        duplicate = object.__new__(type(self))
        vars(duplicate).update(vars(self))
        return duplicate

    def _derive(self, manager: TokenProvider) -> Self:
        derived = copy(self)
        derived._root, derived._derived = self, None
        derived._token_manager = manager
        derived._header = AuthorizationHeader(manager)
        derived._dispatcher = self._dispatcher.derive(derived._header)
        return derived

    async def token(self) -> Token:
        """Return the whole valid token: scope, expiry, and all members of the token response.

        It is requested if necessary. A token manager that is not a `TokenManager` knows only the
        text of its tokens.

        Raises:
            TokenError: If no token is available.
        """
        self._header.check_open()
        self._use_session()
        return await self._header.manager.token()

    async def introspect(
        self, token: str, token_type_hint: str | None = None
    ) -> Mapping[str, object]:
        """Return what the authorization server knows about a token that an API received (RFC 7662).

        ``active`` is always a boolean; if it is False, ignore all other members. The API has to
        check the rest: that ``aud`` names this API, and that ``scope`` is sufficient.

        Raises:
            TokenError: If there is no such response.
            TokenConfigurationError: If the token manager has no ``introspect``.
        """
        token = MaskedStr(token)  # error reports show local variables
        introspect = getattr(self._token_manager, "introspect", None)
        if introspect is None:
            raise TokenConfigurationError(
                f"{type(self._token_manager).__name__} has no introspect(): use a TokenManager"
            )
        self._use_session()
        return cast("Mapping[str, object]", await introspect(token, token_type_hint))

    async def logout(self) -> None:
        """Forget all tokens, here and in the cache, and revoke them (RFC 7009).

        They are forgotten in any case, even if the server cannot be reached. They are revoked if
        the metadata or ``endpoints`` names a ``revocation_endpoint``. The next request starts the
        grant again. A token manager without ``logout`` is reset instead.

        Raises:
            RevocationError: If a token could not be revoked.
            CacheError: If the cache could not be read or emptied.
        """
        self._use_session()
        root = self._root or self
        # The managers that a TokenManager derives share its login; others know only their own.
        is_shared = type(root._token_manager) is TokenManager
        async with AsyncExitStack() as all_of_them:
            for client in (root,) if is_shared else root._family():
                all_of_them.push_async_callback(client._header.logout)

    def _use_session(self) -> None:
        """Let requests to the authorization server use the settings of the client's session."""
        session = self._sessions.for_token_requests()
        if session is not None:
            self._header.manager.use_session(session)

    # Life

    @property
    def closed(self) -> bool:
        """Whether the client is closed; entering it with ``async with`` opens it again."""
        return self._header.is_closed

    async def close(self) -> None:
        """Cancel token requests in flight, and close the session unless the caller provided it.

        If a refresh token or a code was sent already, this waits for the response and stores it,
        for at most 30 seconds, and even if the caller is cancelled.
        """
        self._sessions.check_loop()
        self._set_closed(is_closed=True)  # at once: no request begins after this line
        await run_to_completion(self._close())

    async def _close(self) -> None:
        async with AsyncExitStack() as last_first:
            if self._root is None:
                last_first.push_async_callback(self._sessions.close)
            for derived in self._derived or ():
                last_first.push_async_callback(derived._header.manager.close)
            last_first.push_async_callback(self._header.manager.close)

    def _set_closed(self, *, is_closed: bool) -> None:
        for client in self._family():
            client._header.is_closed = is_closed
        if self._root is None:
            self._sessions.is_closed = is_closed

    def _family(self) -> tuple[Self, ...]:
        return (self, *(self._derived or ()))

    async def __aenter__(self) -> Self:
        self._set_closed(is_closed=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
