"""`Client`: an aiohttp session whose requests are authorized.

A facade: what users hold in their hands. It knows nothing of getting tokens and of sending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NoReturn, cast

from aioalf.bearer import Bearer
from aioalf.call import Pending, RenewalMiddleware
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.httpclient import HTTPRequest
from aioalf.manager import TokenManager
from aioalf.sender import Sender
from aioalf.session import SessionHolder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from types import TracebackType
    from typing import Self, Unpack

    from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse
    from aiohttp.client import (
        _RequestOptions,  # pyright: ignore[reportPrivateUsage] - they have no public name
        _WSConnectOptions,  # pyright: ignore[reportPrivateUsage]
    )
    from aiohttp.typedefs import StrOrURL
    from yarl import URL

    from aioalf.authorization import OnToken
    from aioalf.caches import TokenCache
    from aioalf.client_auth import ClientAuth, ClientSecret
    from aioalf.grants import Grant
    from aioalf.keyed import TokenProvider
    from aioalf.renewal import Renewal
    from aioalf.retry import Retry

__all__ = ("Client", "TokenError", "TokenHTTPError", "TokenManager")


class Client:
    """Sends requests as an aiohttp session does, each with a valid bearer token.

    ``client_id``, ``client_secret`` and ``token_endpoint`` say where tokens come from;
    ``http_options`` are keywords of aiohttp's ``request`` for the token request; ``scope`` is a
    string or a collection of strings. ``session`` is used for the requests and left open by
    `close`, else one is made on first use. ``origins`` are the only ones that requests may go to.
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
        parameters: Mapping[str, str] | None = None,
        session: ClientSession | None = None,
        origins: Iterable[str | URL] | None = None,
        require_https: bool = False,
        raise_token_errors: bool = False,
        client_auth: ClientAuth | None = None,
        grant: Grant | None = None,
        cache: TokenCache | None = None,
        on_token: OnToken | None = None,
        default_lifetime: float | None = None,
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
            "parameters": parameters,
            "client_auth": client_auth,
            "grant": grant,
            "cache": cache,
            "on_token": on_token,
            "default_lifetime": default_lifetime,
            "allow_narrower_scope": allow_narrower_scope or None,
            "renewal": renewal,
            "retry": retry,
        }
        self._token_manager = self.token_manager_class(
            token_endpoint=token_endpoint,
            client_id=client_id,
            client_secret=client_secret,
            http_options={} if http_options is None else http_options,
            scope=scope,
            **{name: value for name, value in new.items() if value is not None},
        )
        self._bearer = Bearer(self._token_manager)
        self._sessions = SessionHolder(RenewalMiddleware(self._bearer).__call__, session)
        self._bearer.use_network(self._sessions.network)
        self._sender = Sender(
            self._bearer,
            self._sessions,
            origins=origins,
            require_https=require_https,
            raise_token_errors=raise_token_errors,
        )

    # Requests

    def request(
        self,
        method: str | HTTPRequest,
        url: StrOrURL | None = None,
        **options: Unpack[_RequestOptions],
    ) -> Pending[ClientResponse]:
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
        return Pending(self._sender.send(method, url, options))

    def fetch(
        self,
        request: StrOrURL | HTTPRequest,
        *,
        method: str | None = None,
        **options: Unpack[_RequestOptions],
    ) -> Pending[ClientResponse]:
        """Send an `HTTPRequest`, or a URL, with GET by default; what is given here goes first."""
        if isinstance(request, HTTPRequest):
            given = {**request.options, **options}
            return Pending(self._sender.send(method or request.method, request.url, given))
        return Pending(self._sender.send(method or "GET", request, options))

    def get(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a GET request."""
        return Pending(self._sender.send("GET", url, options))

    def options(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send an OPTIONS request."""
        return Pending(self._sender.send("OPTIONS", url, options))

    def head(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a HEAD request; without ``allow_redirects=True`` no redirect is followed."""
        return Pending(self._sender.send("HEAD", url, {"allow_redirects": False, **options}))

    def post(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a POST request."""
        return Pending(self._sender.send("POST", url, options))

    def put(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a PUT request."""
        return Pending(self._sender.send("PUT", url, options))

    def patch(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a PATCH request."""
        return Pending(self._sender.send("PATCH", url, options))

    def delete(self, url: StrOrURL, **options: Unpack[_RequestOptions]) -> Pending[ClientResponse]:
        """Send a DELETE request."""
        return Pending(self._sender.send("DELETE", url, options))

    def ws_connect(
        self, url: StrOrURL, **options: Unpack[_WSConnectOptions]
    ) -> Pending[ClientWebSocketResponse]:
        """Open a websocket; options are those of aiohttp's ``ws_connect``.

        Raises what aiohttp raises, and TokenError when no token can be had.
        """
        return Pending(self._sender.connect(url, options))

    # Tokens

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
        await self._bearer.logout()

    # Life

    @property
    def closed(self) -> bool:
        """Whether `close` was called; entering the client again opens it again."""
        return self._sessions.closed

    async def close(self) -> None:
        """End token requests that are under way, and close the session, unless it was given.

        The answer to a refresh token that was sent is awaited, for it may count once only.
        """
        self._sessions.closed = True
        try:
            await self._bearer.close()
        finally:
            await self._sessions.close()

    async def __aenter__(self) -> Self:
        self._sessions.closed = self._bearer.is_closed = False
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
