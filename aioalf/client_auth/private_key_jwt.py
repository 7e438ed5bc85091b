"""An assertion that the client's private key signs (OpenID Connect Core §9, RFC 7523 §2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext

from aioalf.client_auth._assertion import new_claims, put_assertion
from aioalf.client_auth._signing_key import PrivateKey, SigningKey
from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.client_auth.protocols import MutableForm


class PrivateKeyJWT:
    """A JWT that the client's private key signs; the server knows the public one.

    ``key`` is PEM text, a JWK, a function that gives one at each use, or a `Signer` that keeps it;
    ``algorithm`` is RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA;
    ``key_id`` names a key that has no ``kid`` of its own. ``audience`` stands in the place of the
    server's issuer, for servers that want the token endpoint's URL there. Needs the extra
    ``aio-alf[jose]``, but for a `Signer`. Raises TokenConfigurationError for a key or an algorithm
    of another kind; what is inside the key is read on first use.
    """

    method: str = "private_key_jwt"
    ssl_context: SSLContext | None = None

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

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Put a new assertion into the form; no header field is needed."""
        client_id = require_client_id(credentials)
        claims = new_claims(client_id, client_id, self._audience or audience)
        put_assertion(form, client_id, await self._key.sign(claims))
        return {}
