"""Helpers to send token requests to a test server."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import ClientSession

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.session import AuthSessionOption
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import TokenError
from aioalf.retry import Retry
from aioalf.testing import OAuthServer, RecordedRequest
from aioalf.token import Token

FORM = {"grant_type": "client_credentials"}
TOKEN = b'{"access_token": "abc", "expires_in": 3600}'
ONCE = Retry(attempts=1)


def endpoint_at(
    url: str,
    http_options: Mapping[str, Any] | None = None,
    *,
    credentials: Credentials = Credentials("client-id", "secret"),  # noqa: B008 - not changed
    session: ClientSession | None = None,
    auth_session: AuthSessionOption | None = None,
    retry: Retry | None = ONCE,
    scope: str | None = None,
) -> TokenEndpoint:
    """Return a token endpoint as a manager creates it, but without retries."""
    endpoint = TokenEndpoint(
        url,
        credentials,
        ClientSecretBasic(),
        http_options=http_options,
        retry=retry,
        request_params=TokenRequestParams(scope),
        auth_session=auth_session,
    )
    if session is not None:
        endpoint.use_session(session)
    return endpoint


async def request_token(endpoint: TokenEndpoint) -> Token:
    """Send a token request and return the token."""
    async with asyncio.timeout(20):
        return await endpoint.request(FORM)


async def error_of(endpoint: TokenEndpoint) -> TokenError:
    """Send a token request that fails, and return the error."""
    with pytest.raises(TokenError) as caught:
        await request_token(endpoint)
    return caught.value


def only_request(server: OAuthServer) -> RecordedRequest:
    """Return the only request that the server received."""
    (request,) = server.log
    return request


class CertificateAuth(ClientSecretBasic):
    """HTTP Basic, with a TLS context as well."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.ssl_context = context
