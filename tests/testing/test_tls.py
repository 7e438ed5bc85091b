"""The authorization server over HTTPS, and clients with a certificate (RFC 8705)."""

import ssl
from typing import cast

import pytest
import trustme
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import post
from tests.testing.plain_client import CLIENT_CREDENTIALS, basic, error_of, send

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The certificate authority."""
    return trustme.CA()


@pytest.fixture
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """A server TLS context that requests a client certificate without requiring it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(authority: trustme.CA, name: str | None = None) -> ssl.SSLContext:
    """Return a client TLS context, with a certificate of that name."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if name is not None:
        authority.issue_cert(name).configure_cert(context)
    return context


async def request_token(
    session: ClientSession, url: str, context: ssl.SSLContext, **form: str
) -> tuple[int, object]:
    """Request a token over TLS, and return status and error code."""
    data = {**CLIENT_CREDENTIALS, **form}
    async with session.post(url, data=data, ssl=context) as response:
        return response.status, (await response.json()).get("error")


async def test_authorization_server_can_use_https(
    session: ClientSession, server_context: ssl.SSLContext, authority: trustme.CA
) -> None:
    """Issuer and endpoints are https; the API stays http."""
    async with OAuthServer(ssl_context=server_context) as server:
        assert server.issuer.startswith("https://127.0.0.1:")
        assert server.api_url.startswith("http://")
        url, context = server.token_endpoint, client_context(authority)
        async with session.post(
            url, data=CLIENT_CREDENTIALS, headers=basic(), ssl=context
        ) as response:
            assert response.status == 200


async def test_client_authenticates_with_its_certificate(
    session: ClientSession, server_context: ssl.SSLContext, authority: trustme.CA
) -> None:
    """The certificate must have the registered DNS name (RFC 8705 §2.1)."""
    async with OAuthServer(mtls_context=server_context) as server:
        server.add_client("by-tls", certificate_name="client.example")
        metadata = (await send(session, "GET", server.issuer + WELL_KNOWN)).json
        assert "tls_client_auth" in cast(
            "list[str]", metadata["token_endpoint_auth_methods_supported"]
        )
        aliases = cast("dict[str, str]", metadata["mtls_endpoint_aliases"])
        assert "authorization_endpoint" not in aliases
        url = aliases["token_endpoint"]
        assert url.startswith("https://")
        assert url != server.token_endpoint
        good = client_context(authority, "client.example")
        assert await request_token(session, url, good, client_id="by-tls") == (200, None)
        for name in ("another.example", None):
            context = client_context(authority, name)
            refused = await request_token(session, url, context, client_id="by-tls")
            assert refused == (401, "invalid_client")
        assert await request_token(session, url, good) == (401, "invalid_client")
        form = {**CLIENT_CREDENTIALS, "client_id": "by-tls"}
        response = await post(session, server.token_endpoint, form, {})
        assert error_of(response) == (401, "invalid_client")
        assert server.token_requests == 5


async def test_metadata_without_tls_has_no_tls_client_auth(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The metadata has neither the method nor the aliases."""
    metadata = (await send(session, "GET", oauth_server.issuer + WELL_KNOWN)).json
    assert "tls_client_auth" not in str(metadata["token_endpoint_auth_methods_supported"])
    assert "mtls_endpoint_aliases" not in metadata
