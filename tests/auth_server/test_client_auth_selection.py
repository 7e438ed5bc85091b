"""The method that is used if the caller chose none, or if an endpoint does not support it."""

import ssl

import pytest

from aioalf._auth_server.client_auth_selection import default_method, method_elsewhere
from aioalf.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    PrivateKeyJWT,
    PublicClient,
    TLSClientAuth,
)
from aioalf.errors import TokenConfigurationError
from tests.auth_server.token_requests import CertificateAuth

BASIC, POST, JWT = "client_secret_basic", "client_secret_post", "client_secret_jwt"


@pytest.mark.rule("R008")
@pytest.mark.parametrize(
    ("listed", "method"),
    [
        (None, BASIC),
        ([POST, BASIC], BASIC),
        (["private_key_jwt", JWT, POST], POST),
        (["none", JWT], JWT),
    ],
)
def test_basic_is_preferred_for_a_client_with_a_secret(
    listed: list[str] | None, method: str
) -> None:
    """If the server does not list Basic, another method is used; if it lists nothing, Basic is."""
    assert default_method(listed, has_secret=True).method == method


@pytest.mark.rule("R009")
@pytest.mark.parametrize("listed", [None, [BASIC], ["none"]])
def test_client_without_secret_is_public(listed: list[str] | None) -> None:
    """Some servers accept public clients without listing the method "none"."""
    assert default_method(listed, has_secret=False).method == "none"


@pytest.mark.parametrize(
    ("listed", "names"),
    [(["tls_client_auth", "private_key_jwt"], "private_key_jwt, tls"), ([], "no")],
)
def test_error_asks_for_client_auth_if_no_secret_method_is_supported(
    listed: list[str], names: str
) -> None:
    """A key or a certificate can only come from the caller."""
    with pytest.raises(TokenConfigurationError, match=f"by {names}.*: pass client_auth"):
        default_method(listed, has_secret=True)


@pytest.mark.parametrize(
    ("method", "listed", "used"),
    [
        (ClientSecretPost(), [BASIC], BASIC),
        (ClientSecretPost(), [BASIC, POST], POST),
        (ClientSecretBasic(), [POST], POST),
        (ClientSecretPost(), None, POST),
        (ClientSecretPost(), ["private_key_jwt"], POST),
        (ClientSecretPost(), [], POST),
    ],
)
def test_other_endpoint_gets_the_secret_with_a_method_it_supports(
    method: ClientAuth, listed: list[str] | None, used: str
) -> None:
    """The method only changes if the endpoint does not list it but lists another for secrets."""
    assert method_elsewhere(method, listed, has_secret=True).method == used


class HashedSecret(ClientSecretPost):
    """A method of the caller's, with the name of a method that sends the bare secret."""


@pytest.mark.rule("R008")
@pytest.mark.parametrize("listed", [[BASIC], [POST], [BASIC, POST], [JWT, BASIC]])
@pytest.mark.parametrize(
    "method",
    [
        ClientSecretJWT(),
        PrivateKeyJWT(lambda: "key"),
        PublicClient(),
        TLSClientAuth(ssl.create_default_context()),
        HashedSecret(),
        CertificateAuth(ssl.create_default_context()),
    ],
    ids=lambda method: type(method).__name__,
)
def test_metadata_never_makes_a_client_send_its_secret(
    method: ClientAuth, listed: list[str]
) -> None:
    """A method that does not send the secret, or not alone, is used at each endpoint."""
    assert method_elsewhere(method, listed, has_secret=True) is method


def test_public_client_stays_public_at_other_endpoints() -> None:
    """A public client stays public, whichever methods the endpoint lists."""
    assert method_elsewhere(PublicClient(), [BASIC], has_secret=False).method == "none"
