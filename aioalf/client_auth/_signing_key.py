"""A private key in any supported form, and the JWTs signed with it.

Reading keys and signing with them is left to `_jose`, and runs in a thread. This module must not
know which claims a JWT makes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol, cast, runtime_checkable

from aioalf._callbacks import call_user_function
from aioalf._masking import Unpicklable
from aioalf._syntax import base64url
from aioalf.client_auth import _jose as jose
from aioalf.client_auth.secret_file import SecretFile
from aioalf.errors import TokenConfigurationError, TokenError

if TYPE_CHECKING:
    from joserfc.jwk import Key

_KEY_TYPES: Final = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
_SIGNATURE_LENGTHS: Final = {"ES256": (64,), "ES384": (96,), "ES512": (132,), "EdDSA": (64, 114)}


@runtime_checkable
class Signer(Protocol):
    """Signs with a key that it does not give out, such as a key in an HSM.

    It may also have an attribute ``key_id``, the ``kid`` of the key it signs with.
    """

    def sign(self, data: bytes, /) -> bytes | Awaitable[bytes]:
        """Return the signature of `data` in the format of the algorithm (RFC 7518 §3).

        For ES256, ES384 and ES512 this is r followed by s, each as long as the curve requires
        (§3.4), not DER. May be a coroutine function, or a plain function, which runs in a thread.
        """
        ...


_KeyMaterial = str | bytes | Mapping[str, object] | Signer
PrivateKey = _KeyMaterial | Callable[[], _KeyMaterial | Awaitable[_KeyMaterial]]
"""PEM text, a JWK (a mapping or JSON text), a `Signer`, or a function that returns one of these.

The function is called for each signature. It may be a coroutine function, or a plain function,
which runs in a thread.
"""


class SigningKey(Unpicklable):
    """A private key and the algorithm to sign with. ``repr`` does not show the key.

    Raises TokenConfigurationError for an unsupported type of key or algorithm, and if the key is
    not a `Signer` and the extra is not installed. A function may return a `Signer`.
    """

    def __init__(self, key: PrivateKey, algorithm: str, key_id: str | None = None) -> None:
        if algorithm not in _KEY_TYPES:
            raise TokenConfigurationError(f"algorithm must be one of {', '.join(_KEY_TYPES)}")
        if not isinstance(key, str | bytes | Mapping | Signer) and not callable(key):
            raise TokenConfigurationError(
                "key must be PEM text, a JWK, a Signer or a function that returns one of these, "
                f"not {type(key).__name__}"
            )
        if isinstance(key, str | bytes | Mapping | SecretFile):
            jose.require_joserfc()
        self._key: PrivateKey = key
        self._algorithm = algorithm
        self._key_id = key_id
        self._last_read: tuple[object, Key] | None = None

    @property
    def digest(self) -> str | None:
        """A digest that is equal for equal keys; None for a `Signer` or a function."""
        if isinstance(self._key, Signer) or callable(self._key):
            return None
        key = self._key
        text = json.dumps(key, sort_keys=True, default=repr) if isinstance(key, Mapping) else key
        return sha256(text.encode() if isinstance(text, str) else text).hexdigest()

    def __repr__(self) -> str:
        return f"<SigningKey {self._algorithm}>"

    async def sign(
        self, claims: Mapping[str, object], headers: Mapping[str, object] | None = None
    ) -> str:
        """Return the claims as a signed JWT, with further header parameters.

        Raises TokenConfigurationError if the key cannot be used or if its ``kid`` differs from
        `key_id`, and TokenError if the user's function or signer raises.
        """
        hidden = await self._current()
        payload = json.dumps(claims).encode()
        if isinstance(hidden.key, Signer):
            return await self._sign_with_signer(hidden.key, payload, headers or {})
        return await asyncio.to_thread(self._sign_with_key, hidden, payload, headers or {})

    async def _current(self) -> _Hidden:
        if callable(self._key) and not isinstance(self._key, Signer):
            return _Hidden(await call_user_function("key", self._key))
        return _Hidden(self._key)

    async def _sign_with_signer(
        self, signer: Signer, payload: bytes, headers: Mapping[str, object]
    ) -> str:
        header = json.dumps(self._header(getattr(signer, "key_id", None), headers)).encode()
        signed = f"{base64url(header)}.{base64url(payload)}"
        signature = await call_user_function("signature", signer.sign, signed.encode())
        if not isinstance(signature, bytes) or not signature:
            found = "empty bytes" if signature == b"" else type(signature).__name__
            raise TokenError(f"The Signer must return the signature as bytes, but returned {found}")
        if len(signature) not in _SIGNATURE_LENGTHS.get(self._algorithm, (len(signature),)):
            raise TokenError(
                f"The Signer returned {len(signature)} bytes, which cannot be an {self._algorithm} "
                "signature: if the device returns DER, convert it to r and s (RFC 7518 §3.4)"
            )
        if _KEY_TYPES[self._algorithm] == "RSA":
            jose.check_rsa_size(8 * len(signature))
        return f"{signed}.{base64url(signature)}"

    def _sign_with_key(self, hidden: _Hidden, payload: bytes, headers: Mapping[str, object]) -> str:
        try:
            key = self._read(hidden.key)
            return jose.sign(self._header(key.kid, headers), payload, key)
        except TokenConfigurationError as error:
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - keys are malformed in many ways
            problem = getattr(error, "error", None) or type(error).__name__
            failure = TokenConfigurationError(
                f"key cannot be used for {self._algorithm}: {problem}"
            )
        # Raised outside the handlers: the original error and its frames may show the key.
        raise failure

    def _read(self, material: object) -> Key:
        """Return the parsed key; an unchanged key is parsed only once."""
        if isinstance(material, Mapping):
            material = dict(cast("Mapping[str, object]", material))
        if self._last_read is None or self._last_read[0] != material:
            key = jose.read_private_key(material, _KEY_TYPES[self._algorithm])
            self._last_read = (material, key)
        return self._last_read[1]

    def _header(self, kid: str | None, headers: Mapping[str, object]) -> dict[str, object]:
        if self._key_id is not None and kid not in {None, self._key_id}:
            raise TokenConfigurationError(
                "key_id differs from the key's own kid: leave key_id out to use the kid"
            )
        key_id = kid or self._key_id
        named = {} if key_id is None else {"kid": key_id}
        return {"alg": self._algorithm, **named, **headers}


class _Hidden(Unpicklable):
    """Holds a key where error reports, which show local variables, must not show it."""

    def __init__(self, key: object) -> None:
        self.key = key
