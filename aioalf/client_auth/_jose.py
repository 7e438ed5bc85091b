"""Reads keys and signs JWTs with joserfc (RFC 7515, RFC 7517, RFC 7518).

The only module of the package that imports joserfc, which is an optional extra and is imported on
first use. This module must not know OAuth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from aioalf.errors import TokenConfigurationError

if TYPE_CHECKING:
    from joserfc import jwk
    from joserfc._rfc7515.model import JWSAlgModel

MIN_RSA_BITS: Final = 2048


def read_private_key(key: object, key_type: str) -> jwk.Key:
    """Read a private key from PEM text or from a JWK.

    `key_type` is the ``kty`` that a key in PEM must have. Raises TokenConfigurationError for
    anything but an unencrypted private key of sufficient size; joserfc raises its own errors for a
    malformed key.
    """
    require_joserfc()
    from joserfc import jwk

    registry = jwk.JWKRegistry
    data = key.encode() if isinstance(key, str) else key
    if isinstance(data, Mapping):
        read = registry.import_key(dict(cast("jwk.DictKey", data)))
    elif not isinstance(data, bytes):
        raise TokenConfigurationError(
            "the function passed as key must return PEM text, a JWK or a Signer, "
            f"not {type(data).__name__}"
        )
    elif data.lstrip().startswith(b"{"):
        read = registry.import_key(json.loads(data))
    elif b"-----BEGIN " not in data:
        raise TokenConfigurationError("key is neither PEM text nor a JWK")
    elif b"ENCRYPTED" in data:
        raise TokenConfigurationError("key is encrypted: decrypt it first, or pass a Signer")
    else:
        read = registry.import_key(data, key_type)
    if not read.is_private:
        raise TokenConfigurationError("key has no private part: pass the private key to sign with")
    if isinstance(read, jwk.RSAKey):
        check_rsa_size(read.raw_value.key_size)
    return read


def check_rsa_size(bits: int) -> None:
    """Raise TokenConfigurationError if an RSA key is too small to sign with (RFC 7518 §3.3)."""
    if bits < MIN_RSA_BITS:
        raise TokenConfigurationError(
            f"key is an RSA key of {bits} bits, and signing needs at least {MIN_RSA_BITS} "
            "(RFC 7518 §3.3): create a new key"
        )


def read_secret(secret: str) -> jwk.Key:
    """Return the key made of the UTF-8 bytes of a client secret (OpenID Connect Core §10.1)."""
    require_joserfc()
    from joserfc import jwk

    with suppress(ValueError):  # joserfc refuses a public key in PEM, which everybody could know
        return jwk.JWKRegistry.import_key(secret.encode(), "oct")
    del secret  # error reports show local variables
    raise TokenConfigurationError("client_secret must not be a public key")


def sign(header: Mapping[str, object], payload: bytes, key: jwk.Key) -> str:
    """Return the payload as a compact JWS, signed with the ``alg`` of the header."""
    from joserfc import jws

    class AnyAlgorithm(jws.JWSRegistry):
        # joserfc's own registry warns about the name EdDSA. RFC 9864 deprecates it, but it is the
        # name that servers know.
        def get_alg(self, name: str) -> JWSAlgModel:
            return self.algorithms[name]

    registry = AnyAlgorithm(strict_check_header=False)
    return jws.serialize_compact(dict(header), payload, key, registry=registry)


def require_joserfc() -> None:
    """Raise TokenConfigurationError, which names the extra, if joserfc is not installed."""
    try:
        import_module("joserfc")  # the package itself is empty
    except ImportError as error:
        raise TokenConfigurationError(
            "Signing a JWT needs the package joserfc: install aio-alf[jose]"
        ) from error
