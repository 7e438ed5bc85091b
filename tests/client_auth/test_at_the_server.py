"""Each method against the test server, which shares no code with the client."""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

import pytest
import trustme
from joserfc import jwk

from aioalf.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    PrivateKeyJWT,
    PublicClient,
    TLSClientAuth,
)
from aioalf.errors import TokenConnectionError, TokenHTTPError
from aioalf.manager import TokenManager
from aioalf.retry import Retry
from aioalf.testing import Fault, OAuthServer
from tests.client_auth.proofs import EC, KEYS, SECRET, jwk_of, pem_of
from tests.support.tls import client_context, server_context

SECRET_METHODS = [ClientSecretBasic(), ClientSecretPost(), ClientSecretJWT()]


def public(key: jwk.Key, **members: str) -> dict[str, object]:
    """Return the public key that is registered at the server."""
    return {**cast("Mapping[str, object]", key.as_dict(private=False)), **members}


def manager_of(
    server: OAuthServer,
    method: ClientAuth,
    client_id: str = "client",
    secret: str | None = None,
    *,
    attempts: int = 1,
) -> TokenManager:
    """Return a manager that uses `method`; the server expects its token endpoint as audience."""
    server.assertion_audience = server.token_endpoint
    retry = Retry(attempts=attempts, wait_initial=0)
    return TokenManager(server.token_endpoint, client_id, secret, client_auth=method, retry=retry)


@pytest.mark.rule("R005", "R006", "R152")
@pytest.mark.parametrize("method", SECRET_METHODS, ids=lambda method: method.method)
async def test_server_accepts_secret_with_each_method(
    oauth_server: OAuthServer, method: ClientAuth
) -> None:
    """Id and secret may contain characters that every encoding has to escape."""
    client_id, secret = "i:d+ %€/==", f"s:e+c %€&= {SECRET}"
    oauth_server.add_client(client_id, secret, auth_methods=[method.method])
    assert await manager_of(oauth_server, method, client_id, secret).get_token()


@pytest.mark.parametrize("method", SECRET_METHODS, ids=lambda method: method.method)
async def test_server_rejects_wrong_secret_with_each_method(
    oauth_server: OAuthServer, method: ClientAuth
) -> None:
    """The error carries the server's error code, invalid_client."""
    oauth_server.add_client("client", SECRET, auth_methods=[method.method])
    with pytest.raises(TokenHTTPError) as caught:
        await manager_of(oauth_server, method, "client", SECRET + "!").get_token()
    assert caught.value.error == "invalid_client"


@pytest.mark.rule("R163")
@pytest.mark.parametrize(("algorithm", "key"), KEYS.items())
async def test_server_accepts_key_with_each_algorithm(
    oauth_server: OAuthServer, algorithm: str, key: jwk.Key
) -> None:
    """The server verifies the signature with the public key."""
    oauth_server.add_client("client", public_key=public(key))
    assert await manager_of(oauth_server, PrivateKeyJWT(pem_of(key), algorithm)).get_token()


@pytest.mark.rule("R163")
async def test_rotated_key_is_used_without_restart(oauth_server: OAuthServer) -> None:
    """The next assertion has the kid of the new key, by which the server finds it."""
    new = jwk.ECKey.generate_key("P-256")
    keys = [public(EC[256], kid="old"), public(new, kid="new")]
    oauth_server.add_client("client", public_key={"keys": keys})
    given = jwk_of(EC[256], kid="old")
    manager = manager_of(oauth_server, PrivateKeyJWT(lambda: given))
    assert await manager.get_token()
    given = jwk_of(new, kid="new")
    oauth_server.add_client("client", public_key={"keys": keys[1:]})
    await manager.reset_token()
    assert await manager.get_token()


@pytest.mark.rule("R150")
@pytest.mark.parametrize("method", [PrivateKeyJWT(pem_of(EC[256])), ClientSecretJWT()])
async def test_retry_sends_new_assertion(oauth_server: OAuthServer, method: ClientAuth) -> None:
    """The server accepts each assertion only once, and has already seen the first."""
    oauth_server.add_client(
        "client", SECRET, public_key=public(EC[256]), auth_methods=[method.method]
    )
    oauth_server.token_fault = Fault.status(503).times(1)
    manager = manager_of(oauth_server, method, "client", SECRET, attempts=2)
    assert await manager.get_token()
    await manager.reset_token()
    assert await manager.get_token()
    sent = [seen.form["client_assertion"] for seen in oauth_server.log]
    assert len(set(sent)) == 3


@pytest.mark.rule("R151")
async def test_server_rejects_assertion_for_another_audience(oauth_server: OAuthServer) -> None:
    """An assertion for one server cannot be used at another."""
    oauth_server.add_client("client", public_key=public(EC[256]))
    method = PrivateKeyJWT(pem_of(EC[256]), audience="https://other.example.com")
    with pytest.raises(TokenHTTPError) as caught:
        await manager_of(oauth_server, method).get_token()
    assert caught.value.error == "invalid_client"


@pytest.mark.rule("R152")
async def test_server_accepts_only_the_certificate_of_the_client() -> None:
    """Another certificate of the same authority, or no certificate, is rejected."""
    authority = trustme.CA()
    serving = server_context(authority)
    authority.configure_trust(serving)
    serving.verify_mode = ssl.CERT_OPTIONAL
    good, other, none = (client_context(authority) for _ in range(3))
    authority.issue_cert("client.example.com").configure_cert(good)
    authority.issue_cert("other.example.com").configure_cert(other)
    async with OAuthServer(ssl_context=serving) as server:
        server.add_client("client", certificate_name="client.example.com")
        assert await manager_of(server, TLSClientAuth(good)).get_token()
        for context in (other, none):
            with pytest.raises(TokenHTTPError, match="invalid_client"):
                await manager_of(server, TLSClientAuth(context)).get_token()
        with pytest.raises(TokenConnectionError):  # a context that does not trust the server
            await manager_of(server, TLSClientAuth(ssl.create_default_context())).get_token()


@pytest.mark.rule("R008")
@pytest.mark.parametrize("method", [PublicClient(), ClientSecretJWT()], ids=lambda m: m.method)
async def test_metadata_of_another_endpoint_does_not_bring_out_the_secret(
    oauth_server: OAuthServer, method: ClientAuth
) -> None:
    """Introspection uses the chosen method, even if metadata lists only Basic there."""
    oauth_server.changes["metadata"] = {
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"]
    }
    oauth_server.add_client("client", SECRET, auth_methods=[method.method])
    manager = TokenManager(
        None, "client", SECRET, issuer=oauth_server.issuer, client_auth=method, retry=Retry(1)
    )
    with suppress(TokenHTTPError):
        await manager.introspect("a-token")
    [request] = [seen for seen in oauth_server.log if seen.method == "POST"]
    assert "Authorization" not in request.headers
    assert SECRET not in request.form.values()
