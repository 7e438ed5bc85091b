"""A private key in any of the shapes that users have it in, and what it signs: a JWT.

It knows what a JWT looks like and nothing of what is claimed in it; reading keys and signing with
them are the JOSE library's, which is imported when it is needed, in a thread.
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, cast, runtime_checkable

from aioalf._callbacks import call_user_function
from aioalf.errors import TokenConfigurationError, TokenError

if TYPE_CHECKING:
    from joserfc.jwk import Key

_KEY_TYPES: Final = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
_OCTETS: Final = {"ES256": (64,), "ES384": (96,), "ES512": (132,), "EdDSA": (64, 114)}


@runtime_checkable
class Signer(Protocol):
    """What signs with a key that it does not give away, as an HSM does.

    It may have a ``key_id`` as well, the ``kid`` of the key that signs.
    """

    def sign(self, data: bytes, /) -> bytes | Awaitable[bytes]:
        """Return the signature of `data`, made as the algorithm says (RFC 7518 §3).

        For ES256, ES384 and ES512 that is r and s, each of the curve's length, and not DER
        (§3.4). A coroutine, or a plain function, which runs in a thread.
        """
        ...


_Material = str | bytes | Mapping[str, object] | Signer
PrivateKey = _Material | Callable[[], _Material | Awaitable[_Material]]
"""PEM text, a JWK (a mapping, or its JSON), a `Signer`, or a function that gives one of these at
each use: a coroutine function, or a plain one, which runs in a thread.
"""


class SigningKey:
    """A private key and the algorithm that it signs with.

    Raises TokenConfigurationError for a key of no known shape, or an algorithm that is none of
    RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA. ``repr`` does not show
    it, and it cannot be pickled.
    """

    def __init__(self, key: PrivateKey, algorithm: str, key_id: str | None = None) -> None:
        if algorithm not in _KEY_TYPES:
            raise TokenConfigurationError(f"algorithm must be one of {', '.join(_KEY_TYPES)}")
        if not isinstance(key, str | bytes | Mapping | Signer) and not callable(key):
            raise TokenConfigurationError(
                "key must be PEM text, a JWK, a function that gives one, or an object that signs"
            )
        self._key: PrivateKey = key
        self._algorithm = algorithm
        self._key_id = key_id
        self._read: tuple[object, Key] | None = None

    def __repr__(self) -> str:
        return f"<SigningKey {self._algorithm}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a private key is a secret and is not pickled")

    async def sign(self, claims: Mapping[str, object]) -> str:
        """Return the claims as a JWT, signed with the key as it is now.

        Raises TokenConfigurationError for a key that cannot be used or whose ``kid`` is another
        than ``key_id``, TokenError when the function or the signer that was given raises.
        """
        key = await self._current()
        payload = json.dumps(claims).encode()
        if isinstance(key, Signer):
            return await self._signed_elsewhere(key, payload)
        return await asyncio.to_thread(self._signed, key, payload)

    async def _current(self) -> object:
        if callable(self._key) and not isinstance(self._key, Signer):
            return await call_user_function("key", self._key)
        return self._key

    async def _signed_elsewhere(self, signer: Signer, payload: bytes) -> str:
        header = json.dumps(self._header(getattr(signer, "key_id", None))).encode()
        signed = b".".join(map(_base64url, (header, payload)))
        signature = await call_user_function("signature", signer.sign, signed)
        if not isinstance(signature, bytes) or not signature:
            raise TokenError(f"The signer gave no signature, but {type(signature).__name__}")
        if len(signature) not in _OCTETS.get(self._algorithm, (len(signature),)):
            raise TokenError(
                f"The signer's signature is not one of {self._algorithm}: it has {len(signature)} "
                "octets; what a device gives in DER has to be r and s (RFC 7518 §3.4)"
            )
        return (signed + b"." + _base64url(signature)).decode("ascii")

    def _signed(self, material: object, payload: bytes) -> str:
        need_library()
        from aioalf.client_auth import _jose as jose  # noqa: PLC0415 - few need it

        try:
            key = self._readable(material)
            return jose.sign(self._header(key.kid), payload, key)
        except TokenConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - keys go wrong in many ways
            problem = getattr(error, "error", None) or type(error).__name__
        # Not from the error, which may quote the key.
        raise TokenConfigurationError(f"key cannot be used for {self._algorithm}: {problem}")

    def _readable(self, material: object) -> Key:
        """Return the key, which is read once only as long as it stays the same."""
        if isinstance(material, Mapping):
            material = dict(cast("Mapping[str, object]", material))
        if self._read is None or self._read[0] != material:
            self._read = (material, _read(material, _KEY_TYPES[self._algorithm]))
        return self._read[1]

    def _header(self, own_id: str | None) -> dict[str, object]:
        if self._key_id is not None and own_id not in {None, self._key_id}:
            raise TokenConfigurationError(
                "key_id is not the key's own kid: leave key_id out, and the key's is used"
            )
        key_id = own_id or self._key_id
        return {"alg": self._algorithm, **({} if key_id is None else {"kid": key_id})}


def need_library() -> None:
    """Raise TokenConfigurationError, naming the extra, where the JOSE library is missing."""
    try:
        import_module("aioalf.client_auth._jose")
    except ImportError as error:
        raise TokenConfigurationError(
            "A JWT cannot be signed without a JOSE library: install aio-alf[jose]"
        ) from error


def _read(material: object, key_type: str) -> Key:
    from aioalf.client_auth import _jose as jose  # noqa: PLC0415 - few need it

    text = material.encode() if isinstance(material, str) else material
    if isinstance(text, dict):
        key = jose.read_jwk(cast("dict[str, object]", text))
    elif not isinstance(text, bytes):
        raise TokenConfigurationError(
            f"key must give PEM text, a JWK or an object that signs, not {type(text).__name__}"
        )
    elif text.lstrip().startswith(b"{"):
        key = jose.read_jwk(json.loads(text))
    elif b"-----BEGIN " not in text:
        raise TokenConfigurationError("key is neither PEM text nor a JWK")
    elif b"ENCRYPTED" in text:
        raise TokenConfigurationError("key is encrypted: pass it without its password, or a Signer")
    else:
        key = jose.read_pem(text, key_type)
    if not key.is_private:
        raise TokenConfigurationError("key has no private part: it cannot sign")
    return key


def _base64url(octets: bytes) -> bytes:
    return urlsafe_b64encode(octets).rstrip(b"=")
