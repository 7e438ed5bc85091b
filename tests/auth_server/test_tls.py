"""Certificates and plain http: where secrets and tokens are sent."""

import asyncio
import hashlib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
import trustme
from aiohttp import (
    ClientConnectorCertificateError,
    ClientSession,
    Fingerprint,
    TCPConnector,
    UnixConnector,
    web,
)
from aiohttp.abc import AbstractResolver, ResolveResult

from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import InsecureTransportWarning, TokenConfigurationError, TokenConnectionError
from aioalf.manager import TokenManager
from tests.auth_server.token_requests import (
    ONCE,
    TOKEN,
    CertificateAuth,
    endpoint_at,
    error_of,
    request_token,
)
from tests.support.raw_server import RawServer, answer
from tests.support.tls import client_context

AUTHORITY = trustme.CA()
"""A certificate authority that no one trusts."""

CERTIFICATE = AUTHORITY.issue_cert("localhost", "127.0.0.1")


@pytest.fixture
async def untrusted_url() -> AsyncIterator[str]:
    """A token endpoint with a certificate that is not trusted."""

    async def answer_token(request: web.Request) -> web.Response:
        return web.json_response(body=TOKEN)

    app = web.Application()
    app.router.add_post("/token", answer_token)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CERTIFICATE.configure_cert(context)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/token"
    await runner.cleanup()


@pytest.mark.rule("R013")
async def test_certificate_is_verified(untrusted_url: str) -> None:
    """A server with an untrusted certificate gets no secret, unless ``ssl=False`` is passed."""
    error = await error_of(endpoint_at(untrusted_url, retry=None))
    assert isinstance(error, TokenConnectionError)
    assert isinstance(error.__cause__, ClientConnectorCertificateError)
    assert not error.is_transient
    assert (await request_token(endpoint_at(untrusted_url, {"ssl": False}))).access_token == "abc"


async def test_connection_is_closed_although_the_server_does_not_end_tls() -> None:
    """The client does not wait for it: the event loop of a short program is closed soon."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/token"
        server = asyncio.create_task(asyncio.to_thread(answer_without_end_of_tls, listener))
        await request_token(endpoint_at(url, {"ssl": client_context(AUTHORITY)}))
        assert await server == "closed"


def answer_without_end_of_tls(listener: socket.socket) -> str:
    """Answer one token request, and then wait until the client has closed the socket."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CERTIFICATE.configure_cert(context)
    listener.settimeout(10)
    with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
        connection.recv(65536)
        connection.sendall(answer(TOKEN))
        with socket.socket(fileno=connection.detach()) as raw, suppress(ConnectionResetError):
            raw.settimeout(5)
            while raw.recv(65536):  # the client's end of TLS
                pass
    return "closed"


@pytest.mark.rule("R161")
async def test_revocation_needs_a_verified_certificate() -> None:
    """No token is sent to a remote server whose certificate is not verified."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    for option in (False, unchecked):
        endpoint = TokenEndpoint(
            None,
            Credentials("id", "secret"),
            ClientSecretBasic(),
            http_options={"ssl": option},
            endpoints={"revocation_endpoint": "https://auth.example.com/revoke"},
        )
        with pytest.raises(TokenConfigurationError, match="revocation_endpoint is not checked"):
            await endpoint.revoke("token-of-mine", "access_token")


@pytest.mark.rule("R161")
async def test_certificate_is_verified_for_revocation(untrusted_url: str) -> None:
    """Verification is the default, and can be switched off for this machine only."""

    def endpoint(http_options: Mapping[str, Any] | None) -> TokenEndpoint:
        return TokenEndpoint(
            None,
            Credentials("id", "secret"),
            ClientSecretBasic(),
            http_options=http_options,
            endpoints={"revocation_endpoint": untrusted_url},
        )

    with pytest.raises(TokenConnectionError) as caught:
        await endpoint(None).revoke("token-of-mine", "access_token")
    assert isinstance(caught.value.__cause__, ClientConnectorCertificateError)
    await endpoint({"ssl": client_context(AUTHORITY)}).revoke("token-of-mine", "access_token")
    await endpoint({"ssl": False}).revoke("token-of-mine", "access_token")


@pytest.mark.rule("R161")
async def test_tls_context_of_the_client_authentication_overrides_http_options(
    untrusted_url: str,
) -> None:
    """A context that does not verify certificates is refused, whatever the options say."""
    elsewhere = untrusted_url.replace("127.0.0.1", "auth.example.com")
    checked, unchecked = ssl.create_default_context(), ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    async with ClientSession(connector=TCPConnector(resolver=LoopbackResolver())) as session:
        for client_auth, http_options, kind in (
            (CertificateAuth(unchecked), {"ssl": True}, TokenConfigurationError),
            (CertificateAuth(checked), {"ssl": False}, TokenConnectionError),
            (ClientSecretBasic(), None, TokenConnectionError),
        ):
            endpoint = TokenEndpoint(
                None,
                Credentials("id", "secret"),
                client_auth,
                http_options=http_options,
                endpoints={"revocation_endpoint": elsewhere},
                auth_session=session,
            )
            with pytest.raises(kind):
                await endpoint.revoke("token-of-mine", "access_token")


def unverified_context() -> ssl.SSLContext:
    """Return a context that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def nameless_context() -> ssl.SSLContext:
    """Return a context that accepts the certificate of any host."""
    context = client_context(AUTHORITY)
    context.check_hostname = False
    return context


UNVERIFIED = [lambda: False, unverified_context, nameless_context]


@pytest.mark.rule("R013", "R161")
@pytest.mark.parametrize("tls", UNVERIFIED)
async def test_session_without_verified_certificates_weakens_no_token_request(
    untrusted_url: str, tls: Callable[[], ssl.SSLContext | bool]
) -> None:
    """No secret and no token is sent, although the API may have an untrusted certificate."""
    endpoints = {"revocation_endpoint": untrusted_url, "introspection_endpoint": untrusted_url}
    manager = TokenManager(untrusted_url, "id", "secret", endpoints=endpoints, retry=ONCE)
    async with ClientSession(connector=TCPConnector(ssl=tls())) as session:
        manager.use_session(session)
        for call in (manager.get_token, lambda: manager.introspect("token-of-mine")):
            with pytest.raises(TokenConnectionError, match="pass an ssl context") as caught:
                await call()
            assert isinstance(caught.value.__cause__, ClientConnectorCertificateError)


@pytest.mark.rule("R161")
@pytest.mark.parametrize("tls", UNVERIFIED)
async def test_revocation_needs_a_verified_certificate_in_auth_session(
    untrusted_url: str, tls: Callable[[], ssl.SSLContext | bool]
) -> None:
    """Token requests use the TLS settings of ``auth_session``, whatever they are."""
    connector = TCPConnector(ssl=tls(), resolver=LoopbackResolver())
    async with ClientSession(connector=connector) as session:
        for auth_session in (session, lambda: session):
            endpoint = TokenEndpoint(
                untrusted_url.replace("127.0.0.1", "auth.example.com"),
                Credentials("id", "secret"),
                ClientSecretBasic(),
                endpoints={
                    "revocation_endpoint": "https://auth.example.com/revoke",
                    "introspection_endpoint": "https://auth.example.com/introspect",
                },
                auth_session=auth_session,
            )
            assert (await request_token(endpoint)).access_token == "abc"
            with pytest.raises(TokenConfigurationError, match="revocation_endpoint is not checked"):
                await endpoint.revoke("token-of-mine", "access_token")
            with pytest.raises(TokenConfigurationError, match="connector of auth_session"):
                await endpoint.introspect("token-of-mine")


@pytest.mark.rule("R161")
@pytest.mark.parametrize(
    "http_options",
    [{}, {"ssl": True}, {"ssl": ssl.create_default_context()}],
    ids=["default", "true", "context"],
)
async def test_revocation_needs_tls_in_auth_session(http_options: dict[str, Any]) -> None:
    """A Unix socket has no TLS, even if the URL is https."""
    async with ClientSession(connector=UnixConnector("/nowhere")) as session:
        http = AuthServerHTTP(http_options, session)
        assert not http.checks_certificates(None)


@pytest.mark.rule("R161")
@pytest.mark.parametrize(
    "http_options",
    [{"ssl_context": unverified_context()}, {"verify_ssl": False}, {"ssl": nameless_context()}],
    ids=["ssl_context", "verify_ssl", "no host name"],
)
def test_every_option_of_aiohttp_that_weakens_tls_is_seen(http_options: dict[str, Any]) -> None:
    """Old names of aiohttp's ``ssl`` argument are checked, too."""
    assert not AuthServerHTTP(http_options).checks_certificates(None)


@pytest.mark.rule("R161")
async def test_verified_tls_settings_may_come_from_any_place() -> None:
    """TLS settings of the request override the settings of the connector."""
    checked = ssl.create_default_context()
    async with ClientSession(connector=TCPConnector(ssl=False)) as session:
        assert AuthServerHTTP({"ssl": checked}, session).checks_certificates(None)
        assert AuthServerHTTP(None, session).checks_certificates(checked)
    async with ClientSession(connector=TCPConnector(ssl=Fingerprint(b"x" * 32))) as session:
        assert AuthServerHTTP({"ssl": None}, session).checks_certificates(None)


@pytest.mark.rule("R013")
async def test_verifying_tls_settings_of_the_session_are_used_after_its_end(
    untrusted_url: str,
) -> None:
    """A private certificate authority, or a pinned certificate, needs no other option."""
    certificate = ssl.PEM_cert_to_DER_cert(CERTIFICATE.cert_chain_pems[0].bytes().decode())
    pinned = Fingerprint(hashlib.sha256(certificate).digest())
    for tls in (client_context(AUTHORITY), pinned):
        async with ClientSession(connector=TCPConnector(ssl=tls)) as session:
            endpoint = endpoint_at(untrusted_url, session=session)
        for _ in range(2):
            assert (await request_token(endpoint)).access_token == "abc"


class LoopbackResolver(AbstractResolver):
    """Resolves every name to this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the loopback address."""
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Do nothing."""


@pytest.mark.rule("R013")
async def test_plain_http_warns_once_per_endpoint() -> None:
    """The warning is given at construction, not for every request."""
    async with (
        RawServer(answer(TOKEN)) as server,
        ClientSession(connector=TCPConnector(resolver=LoopbackResolver())) as session,
    ):
        url = server.url.replace("127.0.0.1", "auth.example.com")
        said = f"^The token endpoint {url}"
        with pytest.warns(InsecureTransportWarning, match=said) as caught:
            endpoint = endpoint_at(url, auth_session=session)
        assert len(caught) == 1
        assert [(await request_token(endpoint)).access_token for _ in range(2)] == ["abc", "abc"]


def test_invalid_token_endpoint_is_refused() -> None:
    """The error names the option."""
    with pytest.raises(TokenConfigurationError, match=r"^token_endpoint must be an absolute https"):
        endpoint_at("/token")


@pytest.mark.rule("R013")
def test_plain_http_warning_can_be_an_error_or_ignored() -> None:
    """A warning filter for InsecureTransportWarning is enough."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InsecureTransportWarning)
        with pytest.raises(InsecureTransportWarning):
            endpoint_at("http://auth.example.com/token")
        warnings.simplefilter("ignore", InsecureTransportWarning)
        endpoint_at("http://auth.example.com/token")
