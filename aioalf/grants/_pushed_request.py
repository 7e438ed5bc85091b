"""Pushed authorization requests (RFC 9126): whether to push, and the request itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aioalf._auth_server.expiry import read_expires_in
from aioalf._auth_server.request_params import Form
from aioalf.errors import TokenConfigurationError, TokenResponseError
from aioalf.grants.protocols import AuthorizationServer


def is_pushed(metadata: Mapping[str, object], *, par: bool | None) -> bool:
    """Return whether to push the request: `par`, or if it is None, as the metadata requires.

    Raises TokenConfigurationError if `par` is False although the metadata requires it (§5).
    """
    is_required = metadata.get("require_pushed_authorization_requests") is True
    if is_required and par is False:
        raise TokenConfigurationError(
            "The authorization server requires pushed authorization requests (RFC 9126 §5): "
            "remove par=False"
        )
    return is_required or bool(par)


async def push(server: AuthorizationServer, parameters: Form) -> Form:
    """Push the authorization request, and return the parameters that the browser then sends.

    Raises TokenResponseError if the response has no usable ``request_uri`` (§2.2).
    """
    clock = asyncio.get_running_loop().time
    sent_at = clock()
    members = await server.post("pushed_authorization_request_endpoint", parameters)
    request_uri = members.get("request_uri")
    try:
        lifetime = read_expires_in(members.get("expires_in")) or 0
    except ValueError:
        lifetime = 0
    is_uri = isinstance(request_uri, str) and request_uri.isascii() and request_uri.isprintable()
    if not is_uri or not request_uri or not lifetime:
        raise TokenResponseError(
            "The pushed authorization request was answered without a request_uri and a positive "
            "expires_in (RFC 9126 §2.2)"
        )
    if clock() - sent_at >= lifetime:
        raise TokenResponseError(
            f"The pushed authorization request expired before it could be used, after {lifetime} "
            "seconds (RFC 9126 §4)"
        )
    return {"client_id": parameters["client_id"], "request_uri": str(request_uri)}
