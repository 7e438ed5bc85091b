"""Certificates and plain http: where secrets and tokens are sent."""

import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import trustme
from aiohttp import ClientConnectorCertificateError, ClientSession, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import InsecureTransportWarning, TokenConfigurationError, TokenConnectionError
from tests.auth_server.token_requests import (
    TOKEN,
    CertificateAuth,
    endpoint_at,
    error_of,
    request_token,
)
from tests.support.raw_server import RawServer, answer
from tests.support.tls import client_context, server_context


@pytest.fixture
def authority() -> trustme.CA:
    """A certificate authority that no one trusts."""
    return trustme.CA()


@pytest.fixture
async def untrusted_url(authority: trustme.CA) -> AsyncIterator[str]:
    """A token endpoint with a certificate that is not trusted."""

    async def answer_token(request: web.Request) -> web.Response:
        return web.json_response(body=TOKEN)

    app = web.Application()
    app.router.add_post("/token", answer_token)
    runner = web.AppRunner(app)
    await runner.setup()
    context = server_context(authority)
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
async def test_certificate_is_verified_for_revocation(
    untrusted_url: str, authority: trustme.CA
) -> None:
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
    await endpoint({"ssl": client_context(authority)}).revoke("token-of-mine", "access_token")
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
                network=lambda: session,
            )
            with pytest.raises(kind):
                await endpoint.revoke("token-of-mine", "access_token")


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
            endpoint = endpoint_at(url, network=lambda: session)
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
