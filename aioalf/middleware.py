"""An aiohttp client middleware that makes any session an authorized one.

It sees each hop of a request: it puts the token on those that go to the right origin, and repeats
one that was refused. It fetches and caches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.hdrs import AUTHORIZATION
from yarl import URL

from aioalf._requests.authorization_header import (
    UNAUTHORIZED,
    AuthorizationHeader,
    InsecureOrigins,
)
from aioalf._requests.manager_adapter import TokenProvider
from aioalf._requests.origin_policy import origin_of, read_origins
from aioalf._requests.retry_on_401 import renewal_for, send_again


class OAuth2Middleware:
    """Puts a bearer token on every hop to the right origin, and renews it once if one is refused.

    ``manager`` is a `TokenManager` or anything with its ``get_token`` and ``reset_token``.
    ``allowed_origins`` are the origins that get the token (``https://api.example.com``; a path is ignored);
    without them it is the first origin that a request goes to. Other requests go out as they are.
    An Authorization field of the caller's is replaced on the requests that get the token.
    ``require_https`` refuses plain http to other machines, else that is warned of once per origin
    (RFC 6750 §5.3).

    After a 401 that a new token may help, the token is renewed and the hop repeated, once, its body
    whole; where the body cannot be sent again, the 401 is the answer (RFC 6750 §3.1).
    Calls raise TokenError when no token can be had: nothing is sent without one.
    """

    def __init__(
        self,
        manager: TokenProvider,
        *,
        allowed_origins: Iterable[str | URL] | None = None,
        require_https: bool = False,
    ) -> None:
        self._bearer = AuthorizationHeader(manager)
        self._origins = None if allowed_origins is None else read_origins(allowed_origins)
        self._insecure = InsecureOrigins(refuse=require_https)
        self._known: tuple[str, str] | None = None

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send one hop."""
        # What keeps a hop fast: most go where one went before, with a token that is at hand.
        url = request.url
        if (url.scheme, url.raw_authority) != self._known and not self._may_go_to(url):
            return await handler(request)
        authorization = self._bearer.ready()
        if authorization is None:
            self._use_network_of(request)
            authorization = await self._bearer.authorization()
        request.headers[AUTHORIZATION] = authorization
        response = await handler(request)
        if response.status != UNAUTHORIZED:
            return response
        self._use_network_of(request)
        renewed = await renewal_for(request, response, authorization, self._bearer)
        if renewed is None:
            return response
        return await send_again(request, handler, renewed, self._bearer)

    def _may_go_to(self, url: URL) -> bool:
        """Tell whether the token may go there, and note it; raise TokenError for want of https."""
        origin = origin_of(url)
        if self._origins is None:
            self._origins = frozenset((origin,))
        if origin not in self._origins:
            return False
        self._insecure.check(url)
        self._known = url.scheme, url.raw_authority
        return True

    def _use_network_of(self, request: ClientRequest) -> None:
        session = request.session
        self._bearer.use_network(lambda: session)
