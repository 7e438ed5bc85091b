"""Client authentication with a JWT signed by a private key (RFC 7523 §2.2).

OpenID Connect Core §9 names the method.
"""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext

from aioalf._error_frames import hide_locals_on_error
from aioalf.client_auth._assertion import new_claims, put_assertion
from aioalf.client_auth._signing_key import PrivateKey, SigningKey
from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.client_auth.protocols import MutableForm


class PrivateKeyJWT:
    """Send a JWT signed with the client's private key; the server has the public key.

    Needs the extra ``aio-alf[jose]``, unless `key` is a `Signer`.

    Args:
        key: PEM text, a JWK (a mapping or JSON text), a `Signer`, or a function that returns one
            of these and is called for each JWT. The key is parsed when it is first used.
        algorithm: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA.
        key_id: The ``kid`` header, for a key that has no ``kid`` of its own.
        audience: The ``aud`` claim. Default: the server's issuer, or the token endpoint if the
            issuer is not known. Some servers require the URL of the token endpoint.

    Raises:
        TokenConfigurationError: The type of the key or the algorithm is not supported, or the extra
            is not installed. For a key function, the extra is checked on first use.
    """

    method: str = "private_key_jwt"
    ssl_context: SSLContext | None = None

    @hide_locals_on_error
    def __init__(
        self,
        key: PrivateKey,
        algorithm: str = "ES256",
        key_id: str | None = None,
        *,
        audience: str | None = None,
    ) -> None:
        self._key = SigningKey(key, algorithm, key_id)
        self._audience = audience

    @property
    def key_digest(self) -> str | None:
        """A digest of the key, for cache keys; None if the key is a `Signer` or a function."""
        return self._key.digest

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Add a new JWT to the form; no header is needed.

        Raises:
            TokenConfigurationError: The client id is missing, the key cannot be used, or the extra
                is not installed.
            TokenError: The function or the `Signer` passed as key raised an exception.
        """
        client_id = require_client_id(credentials.client_id)
        claims = new_claims(client_id, client_id, self._audience or audience)
        put_assertion(form, client_id, await self._key.sign(claims))
        return {}
