"""JSON Web Tokens: whether somebody's key has signed one, and what it says.

Checked by joserfc, which the extra ``jose`` brings along and which is imported when a key is first
needed. Knows neither clients nor which claims are good.
"""

from __future__ import annotations

import base64
import binascii
import json
import warnings
from collections.abc import Mapping
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

Claims = Mapping[str, object]


def is_installed() -> bool:
    """Whether JSON Web Tokens can be checked here."""
    return find_spec("joserfc") is not None


def require() -> None:
    """RuntimeError, which says what to install, where they cannot."""
    if not is_installed():
        raise RuntimeError("To check JSON Web Tokens: python -m pip install 'aio-alf[jose]'")


def require_key(key: Mapping[str, object]) -> None:
    """ValueError for what is neither a JWK nor a JWK set; RuntimeError as `require`."""
    require()
    from joserfc.errors import JoseError  # noqa: PLC0415 - an extra, as below

    try:
        _imported(key)
    except (JoseError, TypeError, ValueError) as error:
        raise ValueError(f"A public key is a JWK, or a JWK set: {error}") from error


def unverified(token: str) -> tuple[Claims, Claims]:
    """Header and claims as they are said, proved by nothing; ValueError when it is no token."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("A signed JSON Web Token has three parts.")
    return _object(parts[0]), _object(parts[1])


def verify(token: str, key: str | Mapping[str, object]) -> None:
    """ValueError unless the key (a secret, a JWK or a JWK set) has signed the token."""
    from joserfc import jwt  # noqa: PLC0415 - an extra's package is imported where it is used
    from joserfc.errors import JoseError  # noqa: PLC0415

    algorithms = HMAC_ALGORITHMS if isinstance(key, str) else SIGNATURE_ALGORITHMS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # EdDSA is deprecated in favour of Ed25519, and is in use
        try:
            jwt.decode(token, _imported(key), algorithms=algorithms)
        except JoseError as error:
            raise ValueError(str(error)) from error


def _imported(key: str | Mapping[str, object]) -> _Key:
    from joserfc.jwk import KeySet, OctKey, import_key  # noqa: PLC0415

    if isinstance(key, str):
        return OctKey.import_key(key)
    if "keys" in key:
        keys = cast("list[dict[str, str | list[str]]]", key["keys"])
        return KeySet.import_key_set({"keys": keys})
    return import_key(cast("dict[str, str | list[str]]", dict(key)))


def _object(part: str) -> Claims:
    try:
        said: object = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError) as error:
        raise ValueError("A part of the token is no JSON in base64url.") from error
    if not isinstance(said, dict):
        raise ValueError("A part of the token is no JSON object.")  # noqa: TRY004
    return cast("dict[str, object]", said)
