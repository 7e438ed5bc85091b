"""Whether and how a request is repeated with a new token after a 401 (RFC 6750 §3.1).

`should_renew` decides. `repeat_hop` repeats one hop of a request in a middleware. If no middleware
ran, `should_repeat_call` decides whether the whole call is repeated: a request by
`RequestDispatcher`, a handshake by `open_websocket`. Must not know sessions or token managers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Self

from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
)
from aiohttp.hdrs import AUTHORIZATION
from aiohttp.multipart import MultipartWriter
from aiohttp.payload import AsyncIterablePayload, Payload
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aioalf._hidden_repr import MaskedStr
from aioalf._requests.authorization_header import AuthorizationHeader, with_header
from aioalf._requests.challenge import Challenge, parse_challenges
from aioalf._requests.origin_policy import origin_of
from aioalf._urls import redact_url

logger: logging.Logger = logging.getLogger(__name__)

UNAUTHORIZED = 401

_USELESS_RENEWAL = frozenset({"insufficient_scope", "insufficient_user_authentication"})


class AuthorizationValue(MaskedStr):
    """The header value of one call of a client, with the results of its hops.

    aiohttp makes each hop from the headers of the call, so the middleware finds this same object on
    each hop, until aiohttp removes it for another origin. For mocks, traces and the wire it is an
    ordinary string. If the API wants the token in another header, the middleware moves it there.
    """

    def __new__(cls, value: str, header: AuthorizationHeader, replaced: str | None = None) -> Self:
        """Return the value, with the header object that made it."""
        made = super().__new__(cls, value)
        made.header = header
        made.replaced = replaced
        made.renewed = None
        made.was_rejected = False
        return made

    header: AuthorizationHeader
    """Makes the next value."""

    replaced: str | None
    """The caller's own Authorization value, which is sent if the token has another header."""

    renewed: str | None
    """The value that replaces this one on the following hops, after a renewal."""

    was_rejected: bool
    """Whether the middleware has handled a 401 of this call, so the dispatcher must not."""

    def set_on(self, request: ClientRequest) -> None:
        """Put the token on a hop, in the header that the API wants."""
        if not self.header.is_authorization:
            request.headers.popall(AUTHORIZATION)
            if self.replaced is not None:
                request.headers[AUTHORIZATION] = self.replaced
        self.header.set_on(request, self.renewed or self)

    def after_renewal(self, renewed: str) -> Self:
        """Return the value for the same call once more; its token is not renewed again."""
        again = type(self)(renewed, self.header, self.replaced)
        again.renewed = renewed
        return again


def authorize_hops(
    header: AuthorizationHeader,
    authorization: str,
    session: ClientSession,
    options: Mapping[str, Any],
) -> tuple[dict[str, Any], AuthorizationValue]:
    """Return the options of a call whose hops pass `renew_rejected_hop`, and its header value."""
    replaced: str | None = None
    if not header.is_authorization:
        given: CIMultiDict[str] = CIMultiDict(options.get("headers") or ())  # maybe an iterator
        options = {**options, "headers": given}
        replaced = given.get(AUTHORIZATION, session.headers.get(AUTHORIZATION))
    value = AuthorizationValue(authorization, header, replaced)
    return with_header(options, value), value


async def renew_rejected_hop(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Repeat a rejected hop once with a new token, if it carried a client's own header value.

    A client middleware. aiohttp removes the header from a hop to another origin; such a hop is left
    alone.
    """
    value = request.headers.get(AUTHORIZATION)
    if not isinstance(value, AuthorizationValue):
        return await handler(request)
    if value.renewed is not None or not value.header.is_plain:
        value.set_on(request)
    if value.renewed is not None:
        return await handler(request)
    response = await handler(request)
    if response.status == UNAUTHORIZED:
        value.was_rejected = True
        value.renewed = await renew_for_hop(request, response, value, value.header)
        if value.renewed is not None:
            return await repeat_hop(request, handler, value.renewed, value.header)
    return response


def should_renew(
    header: AuthorizationHeader,
    rejected: str,
    response_headers: CIMultiDictProxy[str] | CIMultiDict[str],
    *,
    can_repeat: bool,
) -> bool:
    """Decide whether to renew the token after a 401 and repeat the request.

    If the request cannot be sent again (`can_repeat`), only the next request gets a new token.
    """
    if not is_renewal_useful(parse_challenges(response_headers.getall("WWW-Authenticate", ()))):
        logger.debug("A 401 is returned: the API says that a new token would not help")
        return False
    if not header.can_renew(rejected):
        logger.debug(
            "A 401 is returned: the API rejected a token that was renewed or signed in for just "
            "before, so another token would not help"
        )
        return False
    if not can_repeat:
        logger.debug("A 401 is returned: the body cannot be sent again; the token will be renewed")
        header.mark_rejected(rejected)
        return False
    logger.debug("The API rejected the token: it is renewed, and the request is repeated")
    return True


def should_repeat_call(
    header: AuthorizationHeader,
    response: ClientResponse | ClientResponseError,
    sent: str,
    target: StrOrURL,
    *,
    can_repeat: bool,
) -> bool:
    """Decide about the 401 of a call that no middleware handled, for instance because of a mock."""
    if isinstance(sent, AuthorizationValue) and sent.was_rejected:
        return False
    if not _is_from_origin_of(URL(target), response):
        logger.debug(
            "The 401 of %s is returned: a redirect led to another origin, which gets no token",
            redact_url(response.request_info.url),
        )
        return False
    return should_renew(header, sent, CIMultiDict(response.headers or ()), can_repeat=can_repeat)


def value_after_renewal(rejected: str, renewed: str) -> str:
    """Return the value for a call that is repeated as a whole."""
    if isinstance(rejected, AuthorizationValue):
        return rejected.after_renewal(renewed)
    return renewed


def is_renewal_useful(challenges: Iterable[Challenge]) -> bool:
    """Tell whether a new token of the same kind may help (RFC 6750 §3.1, RFC 9470 §3)."""
    return not any(
        challenge.parameters.get("error") in _USELESS_RENEWAL for challenge in challenges
    )


async def renew_for_hop(
    request: ClientRequest, response: ClientResponse, rejected: str, header: AuthorizationHeader
) -> str | None:
    """Return the value to repeat a rejected hop with, or None if the 401 is the response.

    If it returns a value, the connection of the hop was released. Raises TokenError.
    """
    can_repeat = _is_replayable(request.body)
    if not should_renew(header, rejected, response.headers, can_repeat=can_repeat):
        return None
    await _end_hop(request, response)
    return await header.renew(rejected, request.session)


async def repeat_hop(
    request: ClientRequest, handler: ClientHandlerType, value: str, header: AuthorizationHeader
) -> ClientResponse:
    """Send a rejected hop again with a new value; a second 401 is the response."""
    header.set_on(request, value)
    response = await handler(request)
    header.note_result(response.status)
    return response


async def _end_hop(request: ClientRequest, response: ClientResponse) -> None:
    expects_continue = "Expect" in request.headers
    if expects_continue:
        response.close()  # the server may still wait for the announced body
    else:
        response.release()
    await request.close()  # waits for the writer of a body that was still being sent
    if expects_continue:
        request.update_expect_continue()  # the old future is done or cancelled


def _is_replayable(body: object) -> bool:
    if isinstance(body, MultipartWriter):
        return not body.consumed and all(_is_replayable(part) for part, _, _ in body)
    # An iterator that was started cannot be sent again. Before 3.14, aiohttp notes that only at the
    # end of the iterator.
    if isinstance(body, AsyncIterablePayload):
        return False
    return not isinstance(body, Payload) or not body.consumed


def _is_from_origin_of(target: URL, response: ClientResponse | ClientResponseError) -> bool:
    """Tell whether the response is from the origin that got the token, after all redirects."""
    urls = (response.request_info.url, *(hop.url for hop in response.history))
    return all(origin_of(url) == origin_of(target) for url in urls)
