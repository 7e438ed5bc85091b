"""JSON Web Token assertions: signature, claims and single use (RFC 7523 §3).

Signatures need joserfc, which the extra ``jose`` installs. Must not know clients.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import warnings
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

    _Key = OctKey | RSAKey | ECKey | OKPKey | KeySet

HMAC_ALGORITHMS = ("HS256", "HS384", "HS512")
SIGNATURE_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
_MAX_LIFETIME = 3600.0  # seconds
_CLOCK_SKEW = 5.0  # seconds
_MAX_HEADER_LENGTH = 2**14  # bytes; x5c holds a chain of certificates

Claims = Mapping[str, object]


def is_available() -> bool:
    """Whether joserfc is installed."""
    return find_spec("joserfc") is not None


def require_joserfc() -> None:
    """Raise RuntimeError with the install command if joserfc is not installed."""
    if not is_available():
        raise RuntimeError(
            "JSON Web Tokens need joserfc. Run: python -m pip install 'aio-alf[jose]'"
        )


def check_public_key(key: Mapping[str, object]) -> None:
    """Raise ValueError if the key is neither a JWK nor a JWK set."""
    require_joserfc()
    from joserfc.errors import JoseError

    try:
        _import_key(key)
    except (JoseError, TypeError, ValueError) as error:
        raise ValueError(f"public_key must be a JWK or a JWK set: {error}") from error


def decode_unverified(token: str) -> tuple[Claims, Claims]:
    """Return header and claims without a signature check; raise ValueError if malformed."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("A signed JSON Web Token must have three parts.")
    return _decode_part(parts[0]), _decode_part(parts[1])


def verify_signature(token: str, key: str | Mapping[str, object]) -> None:
    """Raise ValueError unless the token was signed with the key: a secret, JWK or JWK set."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry

    algorithms = HMAC_ALGORITHMS if isinstance(key, str) else SIGNATURE_ALGORITHMS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc warns of EdDSA, which servers still use
        try:
            registry = JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
            registry.max_header_length = _MAX_HEADER_LENGTH
            jwt.decode(token, _import_key(key), registry=registry)
        except JoseError as error:
            raise ValueError(str(error)) from error


def _import_key(key: str | Mapping[str, object]) -> _Key:
    from joserfc.jwk import KeySet, OctKey, import_key

    if isinstance(key, str):
        return OctKey.import_key(key)
    if "keys" in key:
        keys = cast("list[dict[str, str | list[str]]]", key["keys"])
        return KeySet.import_key_set({"keys": keys})
    return import_key(cast("dict[str, str | list[str]]", dict(key)))


def _decode_part(part: str) -> Claims:
    try:
        decoded: object = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError) as error:
        raise ValueError("A part of the token is not JSON in base64url.") from error
    if not isinstance(decoded, dict):
        raise ValueError("A part of the token is not a JSON object.")
    return cast("dict[str, object]", decoded)


class AssertionChecker:
    """Checks the claims of assertions, and that none is used twice."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()  # issuer, jti

    def check(self, claims: Claims, audiences: Collection[str], *, needs_jti: bool) -> None:
        """Raise ValueError, which says why, if the assertion is not valid.

        ``aud`` must be a string: with a list, one of the servers in it could replay the assertion.
        """
        if claims.get("aud") not in audiences:
            raise ValueError(f"aud must be the string {' or '.join(audiences)}.")
        _check_times(claims, time.time())
        jti = claims.get("jti")
        if jti is None and not needs_jti:
            return
        if not isinstance(jti, str) or not jti:
            raise ValueError("jti is missing or is not a string.")
        if (str(claims["iss"]), jti) in self._seen:
            raise ValueError("An assertion with this jti was used before.")
        self._seen.add((str(claims["iss"]), jti))


def _check_times(claims: Claims, now: float) -> None:
    expiry = claims.get("exp")
    if not isinstance(expiry, int | float) or isinstance(expiry, bool):
        raise ValueError("exp is missing or is not a number.")
    if not now < expiry <= now + _MAX_LIFETIME + _CLOCK_SKEW:
        raise ValueError("exp is in the past or more than an hour away.")
    for name in ("iat", "nbf"):
        value = claims.get(name, 0)
        if not isinstance(value, int | float) or value > now + _CLOCK_SKEW:
            raise ValueError(f"{name} is in the future or is not a number.")
