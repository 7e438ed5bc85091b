"""`OAuth2Middleware`: an aiohttp client middleware that authorizes any session.

It sees each hop of a request, adds the token to hops that go to an allowed origin, and repeats a
rejected hop once. Must not fetch or cache tokens.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.hdrs import AUTHORIZATION
from yarl import URL

from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.manager_adapter import TokenProvider
from aioalf._requests.origin_policy import OriginPolicy
from aioalf._requests.retry_on_401 import UNAUTHORIZED, renew_for_hop, repeat_hop


class OAuth2Middleware:
    """Adds a bearer token to each hop to an allowed origin, and renews it once after a 401.

    An Authorization header of the caller is replaced on these hops. Other hops are sent unchanged.
    If a new token may help after a 401, the token is renewed and the hop repeated once with its
    whole body; if the body cannot be sent again, the 401 is the response (RFC 6750 §3.1).

    Requests raise `TokenError` if no token is available; none is sent without a token.

    Args:
        manager: A `TokenManager`, or an object with its ``get_token`` and ``reset_token``.
        allowed_origins: Origins that get the token, such as ``https://api.example.com``; a path is
            ignored. By default only the origin of the first request gets it.
        require_https: Refuse plain http to other machines. By default it causes one warning for
            each host (RFC 6750 §5.3).

    Raises:
        TokenConfigurationError: If `allowed_origins` is empty or not a list of URLs.
    """

    def __init__(
        self,
        manager: TokenProvider,
        *,
        allowed_origins: Iterable[str | URL] | None = None,
        require_https: bool = False,
    ) -> None:
        self._header = AuthorizationHeader(manager)
        self._policy = OriginPolicy(allowed_origins, require_https=require_https)
        self._checked: tuple[str, str] | None = None

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send one hop."""
        if not self._may_send_to(request.url):
            return await handler(request)
        value = self._header.cached() or await self._header.get(request.session)
        request.headers[AUTHORIZATION] = value
        response = await handler(request)
        if response.status != UNAUTHORIZED:
            return response
        renewed = await renew_for_hop(request, response, value, self._header)
        if renewed is None:
            return response
        return await repeat_hop(request, handler, renewed, self._header)

    def _may_send_to(self, url: URL) -> bool:
        """Tell whether the origin gets the token. Raises TokenError if https is required."""
        # Most requests go where the last one went: comparing is faster than checking again.
        target = url.scheme, url.raw_authority
        if target == self._checked:
            return True
        self._policy.pin(url)
        if not self._policy.allows(url):
            return False
        self._policy.check_transport(url)
        self._checked = target
        return True
