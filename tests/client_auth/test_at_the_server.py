"""Each method against a server that knows them all, and shares nothing with the client."""

import ssl
from collections.abc import Mapping
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
    """What the server is told of a key."""
    return {**cast("Mapping[str, object]", key.as_dict(private=False)), **members}


def manager_of(
    server: OAuthServer,
    method: ClientAuth,
    client_id: str = "client",
    secret: str | None = None,
    *,
    attempts: int = 1,
) -> TokenManager:
    """A manager that authenticates so; the server takes its endpoint for the audience."""
    server.assertion_audience = server.token_endpoint
    retry = Retry(attempts=attempts, wait_initial=0)
    return TokenManager(server.token_endpoint, client_id, secret, client_auth=method, retry=retry)


@pytest.mark.rule("R005", "R006", "R152")
@pytest.mark.parametrize("method", SECRET_METHODS, ids=lambda method: method.method)
async def test_a_secret_is_good_by_each_method(
    oauth_server: OAuthServer, method: ClientAuth
) -> None:
    """Also one that every encoding has to touch, and an id like it."""
    client_id, secret = "i:d+ %€/==", f"s:e+c %€&= {SECRET}"
    oauth_server.add_client(client_id, secret, auth_methods=[method.method])
    assert await manager_of(oauth_server, method, client_id, secret).get_token()


@pytest.mark.parametrize("method", SECRET_METHODS, ids=lambda method: method.method)
async def test_a_wrong_secret_is_good_by_none(
    oauth_server: OAuthServer, method: ClientAuth
) -> None:
    """The server says who was refused, and the client what the server said."""
    oauth_server.add_client("client", SECRET, auth_methods=[method.method])
    with pytest.raises(TokenHTTPError) as caught:
        await manager_of(oauth_server, method, "client", SECRET + "!").get_token()
    assert caught.value.error == "invalid_client"


@pytest.mark.rule("R163")
@pytest.mark.parametrize(("algorithm", "key"), KEYS.items())
async def test_a_key_is_good_with_each_algorithm(
    oauth_server: OAuthServer, algorithm: str, key: jwk.Key
) -> None:
    """The server has the public one."""
    oauth_server.add_client("client", public_key=public(key))
    assert await manager_of(oauth_server, PrivateKeyJWT(pem_of(key), algorithm)).get_token()


@pytest.mark.rule("R163")
async def test_a_new_key_is_used_without_a_restart(oauth_server: OAuthServer) -> None:
    """The server goes by the kid; the client's next assertion has the new one."""
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
async def test_a_retry_has_an_assertion_of_its_own(
    oauth_server: OAuthServer, method: ClientAuth
) -> None:
    """The server takes each one once, and has seen the first."""
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
async def test_an_assertion_for_another_server_is_refused(oauth_server: OAuthServer) -> None:
    """Nobody can use at one server what was made for another."""
    oauth_server.add_client("client", public_key=public(EC[256]))
    method = PrivateKeyJWT(pem_of(EC[256]), audience="https://other.example.com")
    with pytest.raises(TokenHTTPError) as caught:
        await manager_of(oauth_server, method).get_token()
    assert caught.value.error == "invalid_client"


@pytest.mark.rule("R152")
async def test_a_certificate_is_good_for_its_client() -> None:
    """And another one of the same authority is not, nor is none."""
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
        with pytest.raises(TokenConnectionError):  # which trusts nobody of this test
            await manager_of(server, TLSClientAuth(ssl.create_default_context())).get_token()
