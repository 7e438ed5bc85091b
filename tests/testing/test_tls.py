"""The authorization server by https, and clients with a certificate (RFC 8705)."""

import ssl
from typing import cast

import pytest
import trustme
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import post
from tests.testing.plain_client import CLIENT_CREDENTIALS, basic, refusal, send

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whoever issues the certificates."""
    return trustme.CA()


@pytest.fixture
def serving(authority: trustme.CA) -> ssl.SSLContext:
    """A server's side of TLS, which asks for a certificate and can do without."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_side(authority: trustme.CA, name: str | None = None) -> ssl.SSLContext:
    """A client's side of TLS, with a certificate of that name."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if name is not None:
        authority.issue_cert(name).configure_cert(context)
    return context


async def ask(
    session: ClientSession, url: str, context: ssl.SSLContext, **form: str
) -> tuple[int, object]:
    """Ask for a token over TLS."""
    data = {**CLIENT_CREDENTIALS, **form}
    async with session.post(url, data=data, ssl=context) as response:
        return response.status, (await response.json()).get("error")


async def test_the_authorization_server_can_speak_tls(
    session: ClientSession, serving: ssl.SSLContext, authority: trustme.CA
) -> None:
    """Issuer and endpoints are https; the API stays as it is."""
    async with OAuthServer(ssl_context=serving) as server:
        assert server.issuer.startswith("https://127.0.0.1:")
        assert server.api_url.startswith("http://")
        url, context = server.token_endpoint, client_side(authority)
        async with session.post(
            url, data=CLIENT_CREDENTIALS, headers=basic(), ssl=context
        ) as response:
            assert response.status == 200


async def test_a_client_shows_its_certificate(
    session: ClientSession, serving: ssl.SSLContext, authority: trustme.CA
) -> None:
    """The name in it is the one that is registered (RFC 8705 §2.1)."""
    async with OAuthServer(mtls_context=serving) as server:
        server.add_client("by-tls", certificate_name="client.example")
        said = (await send(session, "GET", server.issuer + WELL_KNOWN)).json
        assert "tls_client_auth" in cast("list[str]", said["token_endpoint_auth_methods_supported"])
        aliases = cast("dict[str, str]", said["mtls_endpoint_aliases"])
        assert "authorization_endpoint" not in aliases
        url = aliases["token_endpoint"]
        assert url.startswith("https://")
        assert url != server.token_endpoint
        good = client_side(authority, "client.example")
        assert await ask(session, url, good, client_id="by-tls") == (200, None)
        for name in ("another.example", None):
            context = client_side(authority, name)
            refused = await ask(session, url, context, client_id="by-tls")
            assert refused == (401, "invalid_client")
        assert await ask(session, url, good) == (401, "invalid_client")
        form = {**CLIENT_CREDENTIALS, "client_id": "by-tls"}
        answered = await post(session, server.token_endpoint, form, {})
        assert refusal(answered) == (401, "invalid_client")
        assert server.token_requests == 5


async def test_without_tls_there_are_no_certificates(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The metadata neither names the method nor has aliases."""
    said = (await send(session, "GET", oauth_server.issuer + WELL_KNOWN)).json
    assert "tls_client_auth" not in str(said["token_endpoint_auth_methods_supported"])
    assert "mtls_endpoint_aliases" not in said
