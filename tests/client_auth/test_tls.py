"""Client certificates, over real TLS connections."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import trustme
from aiohttp import ClientSession, TCPConnector, web

from aioalf import Client
from aioalf.client_auth import Credentials, PublicClient, TLSClientAuth
from aioalf.errors import TokenConfigurationError, TokenConnectionError
from aioalf.manager import TokenManager
from aioalf.retry import Retry
from aioalf.testing import OAuthServer
from tests.client_auth.proofs import sent
from tests.support.tls import client_context, server_context

ONCE = Retry(attempts=1)


class Authority:
    """The authority that issues the certificates of server and client."""

    def __init__(self) -> None:
        self.ca = trustme.CA()

    def client(self, name: str = "client.example.com") -> ssl.SSLContext:
        """Return the TLS settings of a client with a certificate."""
        context = client_context(self.ca)
        self.ca.issue_cert(name).configure_cert(context)
        return context


class CertificateServer:
    """A token endpoint that records the certificate of each connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[tuple[str | None, dict[str, str]]] = []

    async def respond(self, request: web.Request) -> web.Response:
        """Record the certificate's name and the form, and return a token."""
        certificate = cast("dict[str, Any]", request.get_extra_info("peercert") or {})
        names = [name for _, name in certificate.get("subjectAltName", ())]
        form = cast("dict[str, str]", dict(await request.post()))
        self.seen.append((names[0] if names else None, form))
        assert "Authorization" not in request.headers
        return web.json_response({"access_token": "abc", "token_type": "Bearer"})


@asynccontextmanager
async def certificate_server(
    authority: Authority, verify: ssl.VerifyMode
) -> AsyncIterator[CertificateServer]:
    """Start a `CertificateServer` with TLS."""
    context = server_context(authority.ca)
    authority.ca.configure_trust(context)
    context.verify_mode = verify
    server = CertificateServer("")
    app = web.Application()
    app.router.add_post("/token", server.respond)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        server.url = f"https://127.0.0.1:{runner.addresses[0][1]}/token"
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One authority for all tests, because making keys takes time."""
    return Authority()


@pytest.mark.rule("R152")
async def test_certificate_is_presented_and_id_is_in_the_form(authority: Authority) -> None:
    """No secret and no header are sent; the context's authorities verify the server."""
    async with certificate_server(authority, ssl.CERT_REQUIRED) as server:
        method = TLSClientAuth(authority.client())
        manager = TokenManager(server.url, "client-id", None, client_auth=method, retry=ONCE)
        assert await manager.get_token() == "abc"
    assert server.seen == [
        ("client.example.com", {"grant_type": "client_credentials", "client_id": "client-id"})
    ]


async def test_clients_on_one_session_keep_their_own_certificates(authority: Authority) -> None:
    """Clients that share a session's connector do not share connections with certificates."""
    trusting = client_context(authority.ca)
    async with (
        certificate_server(authority, ssl.CERT_OPTIONAL) as server,
        ClientSession(connector=TCPConnector(ssl=trusting)) as session,
    ):
        for name in ("one.example.com", "two.example.com", None):
            method = PublicClient() if name is None else TLSClientAuth(authority.client(name))
            manager = TokenManager(server.url, "id", None, client_auth=method, retry=ONCE)
            manager.use_session(session)
            assert await manager.get_token() == "abc"
    assert [name for name, _ in server.seen] == ["one.example.com", "two.example.com", None]


async def test_certificate_context_overrides_ssl_in_http_options(
    authority: Authority,
) -> None:
    """The connection succeeds although the context in http_options trusts no test authority."""
    options = {"ssl": ssl.create_default_context()}
    async with certificate_server(authority, ssl.CERT_REQUIRED) as server:
        method = TLSClientAuth(authority.client())
        manager = TokenManager(server.url, "id", None, options, client_auth=method, retry=ONCE)
        assert await manager.get_token() == "abc"


async def test_connection_without_required_certificate_fails(authority: Authority) -> None:
    """A server that requires a certificate closes the connection."""
    async with certificate_server(authority, ssl.CERT_REQUIRED) as server:
        manager = TokenManager(
            server.url,
            "id",
            None,
            client_auth=TLSClientAuth(client_context(authority.ca)),
            retry=ONCE,
        )
        with pytest.raises(TokenConnectionError):
            await manager.get_token()
    assert not server.seen


async def test_untrusted_server_gets_no_request(authority: Authority) -> None:
    """A client certificate does not turn off verification of the server."""
    async with certificate_server(Authority(), ssl.CERT_OPTIONAL) as server:
        method = TLSClientAuth(authority.client())
        manager = TokenManager(server.url, "id", None, client_auth=method)
        with pytest.raises(TokenConnectionError) as caught:
            await manager.get_token()
    assert (caught.value.is_transient, server.seen) == (False, [])


async def test_certificate_is_not_presented_to_the_api(
    authority: Authority, oauth_server: OAuthServer
) -> None:
    """The certificate is used for the authorization server only."""
    async with certificate_server(authority, ssl.CERT_REQUIRED) as server:
        method = TLSClientAuth(authority.client())
        async with Client("id", None, server.url, client_auth=method, retry=ONCE) as client:
            await client.get(oauth_server.url("/things"))
    assert [seen.headers["Authorization"] for seen in oauth_server.log][:1] == ["Bearer abc"]


async def test_certificate_requires_https(authority: Authority, oauth_server: OAuthServer) -> None:
    """Plain http cannot carry a certificate, so no request is sent."""
    method = TLSClientAuth(authority.client())
    manager = TokenManager(oauth_server.token_endpoint, "id", None, client_auth=method)
    with pytest.raises(TokenConfigurationError, match="needs https"):
        await manager.get_token()
    assert not oauth_server.log


@pytest.mark.rule("R005", "R152")
async def test_secret_is_not_sent_with_a_certificate(authority: Authority) -> None:
    """Only the client id is sent, and it is required."""
    context = authority.client()
    assert await sent(TLSClientAuth(context)) == ({}, {"client_id": "client-id"})
    with pytest.raises(TokenConfigurationError, match="Missing client_id"):
        await sent(TLSClientAuth(context), Credentials(None, "secret"))


def test_method_name_can_be_that_of_self_signed_certificates() -> None:
    """The method is tls_client_auth by default, or self_signed_tls_client_auth if chosen."""
    context = ssl.create_default_context()
    assert TLSClientAuth(context).method == "tls_client_auth"
    registered = TLSClientAuth(context, method="self_signed_tls_client_auth")
    assert (registered.method, registered.ssl_context) == (
        "self_signed_tls_client_auth",
        context,
    )


def test_invalid_arguments_are_refused() -> None:
    """A path instead of an SSL context, or an unknown method name, raises."""
    with pytest.raises(TokenConfigurationError, match=r"must be an ssl\.SSLContext"):
        TLSClientAuth("client.pem")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TokenConfigurationError, match="self_signed_tls_client_auth"):
        TLSClientAuth(ssl.create_default_context(), method="mtls")
