"""The JOSE library, as little of it as signing needs (RFC 7515, RFC 7517, RFC 7518).

The one place that imports it, and itself imported on first use. It knows nothing of OAuth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from joserfc import jwk, jws

if TYPE_CHECKING:
    from joserfc._rfc7515.model import JWSAlgModel


class _Registry(jws.JWSRegistry):
    """Takes the algorithm that the caller chose. The library's own warns of the name EdDSA, which
    RFC 9864 deprecates, and which is the one that servers know.
    """

    def get_alg(self, name: str) -> JWSAlgModel:
        return self.algorithms[name]


def read_pem(pem: bytes, key_type: str) -> jwk.Key:
    """Return the key of a PEM text; `key_type` is the ``kty`` that it is to be of."""
    return jwk.JWKRegistry.import_key(pem, key_type)


def read_jwk(members: Mapping[str, object]) -> jwk.Key:
    """Return the key that a JWK holds."""
    return jwk.JWKRegistry.import_key(cast("jwk.DictKey", dict(members)))


def read_secret(secret: str) -> jwk.Key:
    """Return the key that a client's secret is: its octets in UTF-8 (OpenID Connect Core §10.1)."""
    return jwk.OctKey.import_key(secret.encode())


def sign(header: Mapping[str, object], payload: bytes, key: jwk.Key) -> str:
    """Return the payload signed, in compact form; ``alg`` of the header says how."""
    return jws.serialize_compact(dict(header), payload, key, registry=_Registry())
