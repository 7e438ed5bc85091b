"""What the tests of the methods share: a form as it is sent, and assertions taken apart."""

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
    """Takes every algorithm, without the library's word on the name EdDSA."""

    def get_alg(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - the library does not export its type
        return self.algorithms[name]


def pem_of(key: jwk.Key) -> bytes:
    """A private key as PEM."""
    assert isinstance(key, jwk.RSAKey | jwk.ECKey | jwk.OKPKey)
    return key.as_pem(private=True)


def jwk_of(key: jwk.Key, **members: object) -> dict[str, object]:
    """A private key as a JWK, with some members more."""
    return {**cast("dict[str, object]", key.as_dict(private=True)), **members}


async def sent(
    client_auth: ClientAuth, credentials: Credentials | None = None
) -> tuple[Mapping[str, str], MutableForm]:
    """The header fields, and the form but for what was in it before."""
    form: MutableForm = {"grant_type": "client_credentials"}
    fields = await client_auth.authenticate(
        credentials or Credentials("client-id", SECRET), form, ISSUER
    )
    assert form.pop("grant_type") == "client_credentials"
    return fields, form


def opened(assertion: object, key: jwk.Key) -> tuple[dict[str, object], dict[str, object]]:
    """The header and the claims of a JWT, its signature checked by the library."""
    assert isinstance(assertion, str)
    signed = jws.deserialize_compact(assertion, key, registry=_Registry())
    claims: dict[str, object] = json.loads(signed.payload)
    return dict(signed.headers()), claims
