"""The certificate of the connection, over real TLS."""

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
    """Who issues the certificates of both sides."""

    def __init__(self) -> None:
        self.ca = trustme.CA()

    def client(self, name: str = "client.example.com") -> ssl.SSLContext:
        """What a client with a certificate connects with."""
        context = client_context(self.ca)
        self.ca.issue_cert(name).configure_cert(context)
        return context


class Door:
    """A token endpoint that looks at the certificate of the connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[tuple[str | None, dict[str, str]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        """A token, whoever asks; what was shown is noted."""
        certificate = cast("dict[str, Any]", request.get_extra_info("peercert") or {})
        names = [name for _, name in certificate.get("subjectAltName", ())]
        form = cast("dict[str, str]", dict(await request.post()))
        self.seen.append((names[0] if names else None, form))
        assert "Authorization" not in request.headers
        return web.json_response({"access_token": "abc", "token_type": "Bearer"})


@asynccontextmanager
async def door(authority: Authority, verify: ssl.VerifyMode) -> AsyncIterator[Door]:
    """Open one, over TLS."""
    context = server_context(authority.ca)
    authority.ca.configure_trust(context)
    context.verify_mode = verify
    opened = Door("")
    app = web.Application()
    app.router.add_post("/token", opened.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        opened.url = f"https://127.0.0.1:{runner.addresses[0][1]}/token"
        yield opened
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One for all tests: keys take time."""
    return Authority()


@pytest.mark.rule("R152")
async def test_the_certificate_is_shown_and_the_id_is_in_the_form(authority: Authority) -> None:
    """No secret and no header; the context's own authority checks the server."""
    async with door(authority, ssl.CERT_REQUIRED) as server:
        method = TLSClientAuth(authority.client())
        manager = TokenManager(server.url, "client-id", None, client_auth=method, retry=ONCE)
        assert await manager.get_token() == "abc"
    assert server.seen == [
        ("client.example.com", {"grant_type": "client_credentials", "client_id": "client-id"})
    ]


async def test_the_caller_s_session_shows_no_certificate_of_its_own(authority: Authority) -> None:
    """Its connector is used, and each client's connections are its own."""
    trusting = client_context(authority.ca)
    async with (
        door(authority, ssl.CERT_OPTIONAL) as server,
        ClientSession(connector=TCPConnector(ssl=trusting)) as session,
    ):
        for name in ("one.example.com", "two.example.com", None):
            method = PublicClient() if name is None else TLSClientAuth(authority.client(name))
            manager = TokenManager(server.url, "id", None, client_auth=method, retry=ONCE)
            manager.use_session(session)
            assert await manager.get_token() == "abc"
    assert [name for name, _ in server.seen] == ["one.example.com", "two.example.com", None]


async def test_the_certificate_goes_before_the_tls_settings_of_http_options(
    authority: Authority,
) -> None:
    """Those that trust nobody would not have connected."""
    options = {"ssl": ssl.create_default_context()}
    async with door(authority, ssl.CERT_REQUIRED) as server:
        method = TLSClientAuth(authority.client())
        manager = TokenManager(server.url, "id", None, options, client_auth=method, retry=ONCE)
        assert await manager.get_token() == "abc"


async def test_without_a_certificate_there_is_no_answer(authority: Authority) -> None:
    """A server that wants one ends the connection."""
    async with door(authority, ssl.CERT_REQUIRED) as server:
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


async def test_a_server_that_is_not_trusted_is_shown_nothing(authority: Authority) -> None:
    """Proving who one is does not mean believing anyone."""
    async with door(Authority(), ssl.CERT_OPTIONAL) as server:
        method = TLSClientAuth(authority.client())
        manager = TokenManager(server.url, "id", None, client_auth=method)
        with pytest.raises(TokenConnectionError) as caught:
            await manager.get_token()
    assert (caught.value.is_transient, server.seen) == (False, [])


async def test_the_api_is_not_shown_the_certificate(
    authority: Authority, oauth_server: OAuthServer
) -> None:
    """It is for the authorization server."""
    async with door(authority, ssl.CERT_REQUIRED) as server:
        method = TLSClientAuth(authority.client())
        async with Client("id", None, server.url, client_auth=method, retry=ONCE) as client:
            await client.get(oauth_server.url("/things"))
    assert [seen.headers["Authorization"] for seen in oauth_server.log][:1] == ["Bearer abc"]


async def test_a_certificate_needs_https(authority: Authority, oauth_server: OAuthServer) -> None:
    """In the clear nothing would be proven, and the request is not sent."""
    method = TLSClientAuth(authority.client())
    manager = TokenManager(oauth_server.token_endpoint, "id", None, client_auth=method)
    with pytest.raises(TokenConfigurationError, match="needs https"):
        await manager.get_token()
    assert not oauth_server.log


@pytest.mark.rule("R005", "R152")
async def test_a_secret_stays_where_it_is(authority: Authority) -> None:
    """The certificate is the proof."""
    context = authority.client()
    assert await sent(TLSClientAuth(context)) == ({}, {"client_id": "client-id"})
    with pytest.raises(TokenConfigurationError, match="Missing client_id"):
        await sent(TLSClientAuth(context), Credentials(None, "secret"))


def test_its_name_is_that_of_its_kind_of_certificate() -> None:
    """An authority's, unless it is registered itself."""
    context = ssl.create_default_context()
    assert TLSClientAuth(context).method == "tls_client_auth"
    registered = TLSClientAuth(context, method="self_signed_tls_client_auth")
    assert (registered.method, registered.ssl_context) == (
        "self_signed_tls_client_auth",
        context,
    )


def test_what_cannot_work_is_refused() -> None:
    """A path in the place of a context, a method of another name."""
    with pytest.raises(TokenConfigurationError, match=r"must be an ssl\.SSLContext"):
        TLSClientAuth("client.pem")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TokenConfigurationError, match="self_signed_tls_client_auth"):
        TLSClientAuth(ssl.create_default_context(), method="mtls")
