"""Keys, and functions that authenticate a request and decode its assertion."""

import json
from collections.abc import Mapping
from typing import cast

from joserfc import jwk, jws

from aioalf.client_auth import ClientAuth, Credentials, MutableForm

ISSUER = "https://auth.example.com"
SECRET = "a secret of thirty-two octets, or more"

RSA = jwk.RSAKey.generate_key(2048)
EC = {size: jwk.ECKey.generate_key(f"P-{size}") for size in (256, 384, 521)}
ED25519 = jwk.OKPKey.generate_key("Ed25519")
KEYS: dict[str, jwk.Key] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSA),
    "ES256": EC[256],
    "ES384": EC[384],
    "ES512": EC[521],
    "EdDSA": ED25519,
}


class _Registry(jws.JWSRegistry):
    """Allow every algorithm and header, without joserfc's warning about the name EdDSA."""

    max_header_length = 2**14

    def get_alg(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - joserfc does not export the type
        return self.algorithms[name]


def pem_of(key: jwk.Key) -> bytes:
    """Return a private key as PEM."""
    assert isinstance(key, jwk.RSAKey | jwk.ECKey | jwk.OKPKey)
    return key.as_pem(private=True)


def jwk_of(key: jwk.Key, **members: object) -> dict[str, object]:
    """Return a private key as a JWK, with additional members."""
    return {**cast("dict[str, object]", key.as_dict(private=True)), **members}


async def sent(
    client_auth: ClientAuth, credentials: Credentials | None = None
) -> tuple[Mapping[str, str], MutableForm]:
    """Authenticate a request; return its headers and the parameters added to its form."""
    form: MutableForm = {"grant_type": "client_credentials"}
    headers = await client_auth.authenticate(
        credentials or Credentials("client-id", SECRET), form, ISSUER
    )
    assert form.pop("grant_type") == "client_credentials"
    return headers, form


def opened(assertion: object, key: jwk.Key) -> tuple[dict[str, object], dict[str, object]]:
    """Verify a JWT and return its header and claims."""
    assert isinstance(assertion, str)
    signed = jws.deserialize_compact(assertion, key, registry=_Registry(strict_check_header=False))
    claims: dict[str, object] = json.loads(signed.payload)
    return dict(signed.headers()), claims
