"""Retries one hop of a request after a 401, with a new token (RFC 6750 §3.1)."""

from __future__ import annotations

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.hdrs import AUTHORIZATION
from aiohttp.multipart import MultipartWriter
from aiohttp.payload import AsyncIterablePayload, Payload

from aioalf._requests.authorization_header import UNAUTHORIZED, AuthorizationHeader, is_renewable


class AuthorizationValue(str):  # noqa: SLOT000 - what is never set takes no room
    """The Authorization field of one call, with what its hops met.

    aiohttp makes each hop from the fields of the call, so that the middleware meets this very
    object again; for mocks, traces and the wire it is a string like any other.
    """

    renewed: str | None = None
    """What replaces it on the hops that follow, once it was refused and renewed."""

    was_refused: bool = False
    """Whether the middleware saw a 401 for it: what is to be done about it, was done there."""


class RenewalMiddleware:
    """Repeats a refused hop once with a new token, if it carried the call's own (RFC 6750 §3.1).

    aiohttp takes the field off a hop to another origin; such a hop is left alone.
    """

    def __init__(self, bearer: AuthorizationHeader) -> None:
        self._bearer = bearer

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send one hop."""
        field = request.headers.get(AUTHORIZATION)
        if not isinstance(field, AuthorizationValue):
            return await handler(request)
        if field.renewed is not None:
            request.headers[AUTHORIZATION] = field.renewed
            return await handler(request)
        response = await handler(request)
        if response.status != UNAUTHORIZED:
            return response

        field.was_refused = True
        renewed = await renewal_for(request, response, field, self._bearer)
        if renewed is None:
            return response
        field.renewed = renewed
        return await send_again(request, handler, renewed, self._bearer)


async def renewal_for(
    request: ClientRequest, response: ClientResponse, refused: str, bearer: AuthorizationHeader
) -> str | None:
    """Return the field with which to repeat a refused hop; None where the 401 is the answer.

    The hop's connection has been given back then, and its request may be sent again.
    """
    if not is_renewable(response.headers):
        return None
    if not _is_whole(request.body):
        bearer.mark_rejected(refused)
        return None
    if not bearer.can_renew(refused):
        return None
    await _let_go(request, response)
    return await bearer.renewed(refused)


async def send_again(
    request: ClientRequest,
    handler: ClientHandlerType,
    authorization: str,
    bearer: AuthorizationHeader,
) -> ClientResponse:
    """Send a refused hop with another field; its second refusal is the answer."""
    request.headers[AUTHORIZATION] = authorization
    response = await handler(request)
    bearer.judge(response.status)
    return response


async def _let_go(request: ClientRequest, response: ClientResponse) -> None:
    if "Expect" not in request.headers:
        response.release()
    else:
        response.close()  # the server may still wait for the body that was announced
    await request.close()  # a body that was still being sent is cut off: wait until it is
    if "Expect" in request.headers:
        request.update_expect_continue()  # the old future is done, or was cancelled with the body


def _is_whole(body: object) -> bool:
    if isinstance(body, MultipartWriter):
        return not body.consumed and all(_is_whole(part) for part, _, _ in body)
    # An iterator is gone once it has begun; before 3.14 aiohttp notes that at its end only.
    if isinstance(body, AsyncIterablePayload):
        return False
    return not isinstance(body, Payload) or not body.consumed
