"""`OAuth2Middleware`: an aiohttp client middleware that authorizes any session.

It sees each hop of a request, adds the token to hops that go to an allowed origin, and repeats a
rejected hop once. Must not fetch or cache tokens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from weakref import finalize, ref

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
from aiohttp.hdrs import AUTHORIZATION
from yarl import URL

from aioalf._auth_server.session import SessionSettings
from aioalf._error_frames import hide_locals_on_error
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.manager_adapter import TokenProvider
from aioalf._requests.origin_policy import OriginPolicy
from aioalf._requests.retry_on_401 import UNAUTHORIZED, renew_for_hop, repeat_hop

logger: logging.Logger = logging.getLogger(__name__)


class OAuth2Middleware:
    """Adds a bearer token to requests to an allowed origin, and renews it once after a 401.

    A redirect is followed with the token if the origins of the request and of all its redirects are
    allowed. The token replaces an Authorization header of the caller. Other requests and redirects
    are sent unchanged.
    If a new token may help after a 401, the token is renewed and the hop repeated once with its
    whole body; if the body cannot be sent again, the 401 is the response (RFC 6750 §3.1).

    Requests raise `TokenError` if no token is available; none is sent without a token.

    Args:
        manager: A `TokenManager`, or an object with its ``get_token`` and ``reset_token``.
        allowed_origins: Origins that get the token, such as ``https://api.example.com``, without a
            path. By default only the origin of the first request gets it.
        require_https: Refuse plain http to other machines. By default it causes one warning for
            each host (RFC 6750 §5.3).
        allow_http_hosts: Hosts such as ``api:8080`` that are trusted over plain http, and cause no
            warning.

    Raises:
        TokenConfigurationError: If `allowed_origins` is empty or not a list of origins, or
            `allow_http_hosts` is not a list of hosts.
    """

    @hide_locals_on_error
    def __init__(
        self,
        manager: TokenProvider,
        *,
        allowed_origins: Iterable[str | URL] | None = None,
        require_https: bool = False,
        allow_http_hosts: Collection[str] | None = None,
    ) -> None:
        self._header = AuthorizationHeader(manager)
        self._policy = OriginPolicy(
            allowed_origins, require_https=require_https, allow_http_hosts=allow_http_hosts
        )
        self._checked: tuple[str, str] | None = None
        self._plain_session: Callable[[], ClientSession | None] = _no_session
        self._calls_led_elsewhere: dict[int, object] = {}

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send one hop."""
        if self._calls_led_elsewhere and id(_call_of(request)) in self._calls_led_elsewhere:
            _log_no_token(request, "another origin redirected there")
            return await handler(request)
        if not self._may_send_to(request.url):
            return await self._send_without_token(request, handler)
        session = request.session
        if session is not self._plain_session():
            self._use_session(session)  # first, since `cached` may start a renewal
        value = self._header.cached() or await self._header.get(session)
        if self._header.is_plain:  # most APIs: nothing else has to be done
            request.headers[AUTHORIZATION] = value
        else:
            self._header.set_on(request, value)
        response = await handler(request)
        if response.status != UNAUTHORIZED:
            return response
        renewed = await renew_for_hop(request, response, value, self._header)
        if renewed is None:
            return response
        return await repeat_hop(request, handler, renewed, self._header)

    def _use_session(self, session: ClientSession) -> None:
        """Let token requests use the settings of the session of a request.

        A session without such settings is passed on once. Any other session is passed on for each
        request, because another middleware of the same manager may have passed on its session.
        """
        self._header.manager.use_session(session)
        self._plain_session = ref(session) if SessionSettings(session).is_default else _no_session

    async def _send_without_token(
        self, request: ClientRequest, handler: ClientHandlerType
    ) -> ClientResponse:
        _log_no_token(request, "it is not an allowed origin")
        response = await handler(request)
        if 300 <= response.status < 400:
            # Keep the call object as long as the redirect response. aiohttp keeps that response
            # until the call has ended.
            call = _call_of(request)
            self._calls_led_elsewhere[id(call)] = call
            finalize(response, self._calls_led_elsewhere.pop, id(call), None)
        return response

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


def _no_session() -> None:
    """Return None, like a weak reference to a deleted object."""


def _log_no_token(request: ClientRequest, reason: str) -> None:
    url = request.url
    logger.debug("No token for %s://%s:%s: %s", url.scheme, url.host, url.port, reason)


def _call_of(request: ClientRequest) -> object:
    """Return an object that all hops of a call share, and no other call.

    aiohttp has no public one. If aiohttp renames `_timer`, the current task is used. Later calls of
    that task may then lack a token, but no token is sent to a wrong origin.
    """
    return getattr(request, "_timer", None) or asyncio.current_task()
