"""The redirect that ends a sign-in: in the query for a code, in the fragment for a token.

RFC 6749 §4.1.2, §4.2.2, RFC 9207. Knows how a person is sent back, not why.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from aioalf.testing._server.answers import changed
from aioalf.testing._server.endpoints.authorization_request import AuthorizationRequest
from aioalf.testing._server.oauth_error import NO_STORE
from aioalf.testing.settings import Json, Settings


def redirect(
    settings: Settings, issuer: str, request: AuthorizationRequest, members: Mapping[str, Json]
) -> web.Response:
    """Send the browser back; ``state`` comes as it was asked, a list repeats its parameter."""
    said = dict(members)
    if "state" in request.asked:
        said["state"] = request.asked["state"]
    if settings.iss_parameter:
        said["iss"] = issuer
    said = changed(settings, "authorization", said)
    location = _location(request, urlencode(said, doseq=True))
    headers = {**NO_STORE, "Location": location, "Referrer-Policy": "no-referrer"}
    return web.Response(status=303, headers=headers)


def _location(request: AuthorizationRequest, encoded: str) -> str:
    target = str(URL(request.redirect_uri))  # a line break in it reaches no header
    if not request.is_for_a_code:
        return f"{target}#{encoded}"
    return f"{target}{'&' if '?' in target else '?'}{encoded}"
