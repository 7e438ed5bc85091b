"""Certificates in the header of an assertion, further headers, and the lifetime."""

import ssl
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import pytest
import trustme
from joserfc import jwk

from aioalf.client_auth import Credentials, PrivateKeyJWT, SecretFile
from aioalf.errors import TokenConfigurationError, TokenError
from aioalf.manager import TokenManager
from aioalf.testing import OAuthServer
from tests.client_auth.proofs import opened, sent
from tests.client_auth.test_private_key_jwt import Device
from tests.testing.signing import public

AUTHORITY = trustme.CA().create_child_ca()
ISSUED = AUTHORITY.issue_cert("client.example.com", key_type=trustme.KeyType.RSA)
KEY_PEM = ISSUED.private_key_pem.bytes()
KEY = jwk.RSAKey.import_key(KEY_PEM)
CHAIN = [blob.bytes().decode() for blob in ISSUED.cert_chain_pems]
DER = [ssl.PEM_cert_to_DER_cert(pem) for pem in CHAIN]
ALL = ("x5t#S256", "x5t", "x5c")


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


SHA256 = base64url(sha256(DER[0]).digest())
SHA1 = base64url(sha1(DER[0]).digest())  # noqa: S324 - RFC 7515 §4.1.7


async def header_of(method: PrivateKeyJWT) -> dict[str, object]:
    """Authenticate a request and return the verified header of its assertion."""
    _, form = await sent(method, Credentials("client-id", None))
    return opened(form["client_assertion"], KEY)[0]


async def test_certificate_is_named_by_its_sha256_digest() -> None:
    """The first certificate of the text is the one of the key."""
    assert len(CHAIN) == 2
    header = await header_of(PrivateKeyJWT(KEY_PEM, "PS256", certificate="".join(CHAIN)))
    assert header == {"alg": "PS256", "x5t#S256": SHA256}


@pytest.mark.parametrize("names", [("x5t",), "x5t", ["x5c"], ALL], ids=str)
async def test_headers_of_the_certificate_can_be_chosen(names: Any) -> None:
    """Servers expect the SHA-1 digest, the chain, or several of the three headers."""
    method = PrivateKeyJWT(
        KEY_PEM, "RS256", "k1", certificate="".join(CHAIN), certificate_headers=names
    )
    values = {
        "x5t#S256": SHA256,
        "x5t": SHA1,
        "x5c": [b64encode(der).decode() for der in DER],
    }
    chosen = {name: values[name] for name in ((names,) if isinstance(names, str) else names)}
    assert await header_of(method) == {"alg": "RS256", "kid": "k1", **chosen}


@pytest.mark.rule("R163")
async def test_key_and_certificate_can_be_in_one_file_that_changes(tmp_path: Path) -> None:
    """A renewed certificate is used without a restart."""
    file = tmp_path / "client.pem"
    file.write_bytes(ISSUED.private_key_and_cert_chain_pem.bytes())
    method = PrivateKeyJWT(SecretFile(file), "RS256", certificate=SecretFile(file))
    assert (await header_of(method))["x5t#S256"] == SHA256
    renewed = AUTHORITY.issue_cert("client.example.com", key_type=trustme.KeyType.RSA)
    file.write_bytes(renewed.private_key_and_cert_chain_pem.bytes())
    _, form = await sent(method, Credentials("client-id", None))
    der = ssl.PEM_cert_to_DER_cert(renewed.cert_chain_pems[0].bytes().decode())
    header, _ = opened(
        form["client_assertion"], jwk.RSAKey.import_key(renewed.private_key_pem.bytes())
    )
    assert header["x5t#S256"] == base64url(sha256(der).digest())


async def test_signer_signs_the_same_headers() -> None:
    """A key in a device can have a certificate, too."""
    method = PrivateKeyJWT(
        Device(KEY), "RS256", certificate=CHAIN[0], headers={"typ": "JWT", "x-tenant": ["a"]}
    )
    expected = {"alg": "RS256", "typ": "JWT", "x-tenant": ["a"], "x5t#S256": SHA256}
    assert await header_of(method) == expected


async def test_further_headers_are_sent() -> None:
    """Some servers require `typ`, others know headers of their own."""
    method = PrivateKeyJWT(KEY_PEM, "RS256", headers={"typ": "JWT", "x-tenant": {"a": 1}})
    assert await header_of(method) == {"alg": "RS256", "typ": "JWT", "x-tenant": {"a": 1}}


@pytest.mark.rule("R150")
async def test_lifetime_can_be_set() -> None:
    """The default is one minute."""
    methods = {
        60: PrivateKeyJWT(KEY_PEM, "RS256"),
        600: PrivateKeyJWT(KEY_PEM, "PS256", lifetime=600),
    }
    for lifetime, method in methods.items():
        _, form = await sent(method)
        _, claims = opened(form["client_assertion"], KEY)
        assert int(str(claims["exp"])) - int(str(claims["iat"])) == lifetime


INVALID = "-----BEGIN CERTIFICATE-----\naHVzaA==\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"certificate": KEY_PEM.decode()}, "no valid block -----BEGIN CERTIFICATE-----"),
        ({"certificate": CHAIN[0] + INVALID}, "no valid block"),
        ({"certificate": CHAIN[0].replace("M", "!")}, "no valid block"),
        ({"certificate": ""}, "certificate must be text"),
        ({"certificate": Path("client.pem")}, "certificate must be text"),
        ({"certificate": CHAIN[0], "certificate_headers": ()}, "some of x5c, x5t, x5t#S256"),
        ({"certificate": CHAIN[0], "certificate_headers": ("x5u",)}, "some of x5c"),
        ({"headers": {"alg": "none", "x5t": "a"}}, "headers cannot set alg, x5t: use algorithm"),
        ({"headers": {"kid": "a"}}, "headers cannot set kid"),
        ({"headers": {"crit": ["b64"], "b64": False}}, "headers cannot set b64, crit"),
        ({"headers": {5: "a"}}, "mapping of header names"),
        ({"headers": "typ"}, "mapping of header names"),
        ({"headers": {"x": object()}}, "headers must have a JSON form"),
        ({"lifetime": 0}, "lifetime must be a whole number"),
        ({"lifetime": True}, "lifetime must be a whole number"),
        ({"lifetime": 1.5}, "lifetime must be a whole number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "options",
)
def test_invalid_options_are_refused(options: dict[str, Any], problem: str) -> None:
    """The constructor raises, and the error shows no part of a key or certificate."""
    with pytest.raises(TokenConfigurationError, match=problem) as caught:
        PrivateKeyJWT(KEY_PEM, "RS256", **options)
    assert KEY_PEM.decode().splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (lambda: "not a certificate", TokenConfigurationError),
        (SecretFile("missing.pem"), TokenConfigurationError),
        (lambda: 1 / 0, TokenError),
    ],
)
async def test_failing_source_of_a_certificate_is_an_error(
    source: Callable[[], str], error: type[TokenError]
) -> None:
    """The first request raises, since the source may change."""
    with pytest.raises(error):
        await header_of(PrivateKeyJWT(KEY_PEM, "RS256", certificate=source))


async def test_server_accepts_assertion_with_a_certificate(oauth_server: OAuthServer) -> None:
    """The headers do not disturb a server that finds the key in another way."""
    oauth_server.add_client("client", public_key=public(KEY))
    oauth_server.assertion_audience = oauth_server.token_endpoint
    method = PrivateKeyJWT(
        KEY_PEM, "PS256", certificate="".join(CHAIN), certificate_headers=ALL, lifetime=300
    )
    manager = TokenManager(oauth_server.token_endpoint, "client", None, client_auth=method)
    assert await manager.get_token()
