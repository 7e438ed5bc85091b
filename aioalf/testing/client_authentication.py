"""How a client proves who it is at the token endpoint: HTTP Basic, or, where allowed, the form.

RFC 6749 §2.3.1. Knows headers and parameters as values; knows nothing of grants and tokens.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aioalf.testing.oauth_error import OAuthError, invalid_request
from aioalf.testing.settings import REALM, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aioalf.testing.clients import ClientRegistry, RegisteredClient


def authenticate(
    clients: ClientRegistry,
    settings: Settings,
    authorization: list[str],
    form: Mapping[str, str],
) -> RegisteredClient:
    """The client that sent these; OAuthError when it is nobody, or says so twice."""
    if len(authorization) > 1 or (authorization and "client_secret" in form):
        raise invalid_request("The client authenticates in more than one way.")
    if authorization:
        client_id, secret = _basic(authorization[0], form_encoded=settings.decode_basic)
        if form.get("client_id", client_id) != client_id:
            raise invalid_request("The form names another client than the Authorization header.")
    elif settings.allow_body_secret:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    else:
        raise _unknown_client("The client must authenticate with HTTP Basic.")
    client = clients.find(client_id)
    if client is None or not client.has_secret(secret):
        raise _unknown_client("The client is unknown, or its secret is wrong.")
    return client


def _basic(authorization: str, *, form_encoded: bool) -> tuple[str, str]:
    scheme, _, credentials = authorization.partition(" ")
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    client_id, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _unknown_client("The Authorization header is not HTTP Basic.")
    return (unquote_plus(client_id), unquote_plus(secret)) if form_encoded else (client_id, secret)


def _unknown_client(description: str) -> OAuthError:
    challenge = f'Basic realm="{REALM}", charset="UTF-8"'
    return OAuthError("invalid_client", description, status=401, challenge=challenge)
