"""Client authentication with a JWT signed by a private key (RFC 7523 §2.2).

OpenID Connect Core §9 names the method.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from ssl import SSLContext
from typing import Final

from aioalf._error_frames import hide_locals_on_error
from aioalf._secret_source import SecretSource
from aioalf.client_auth._assertion import LIFETIME, check_lifetime, new_claims, put_assertion
from aioalf.client_auth._certificate import CERTIFICATE_HEADERS, Certificate
from aioalf.client_auth._signing_key import PrivateKey, SigningKey
from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.client_auth.protocols import MutableForm
from aioalf.errors import TokenConfigurationError

_OWN_HEADERS: Final = CERTIFICATE_HEADERS | {"alg", "b64", "crit", "kid"}


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
        certificate: The certificate of the key, for servers that find the key by it: PEM text, or
            a function that returns it, such as a `SecretFile`. Certificates of its chain may
            follow; the text may also contain the key.
        certificate_headers: The headers that name the certificate: ``x5t#S256`` (SHA-256 digest),
            ``x5t`` (SHA-1 digest) and ``x5c`` (the whole chain).
        headers: Further headers of the JWT, such as ``{"typ": "JWT"}``.
        lifetime: The lifetime of a JWT in seconds. Each request has a new JWT.

    Raises:
        TokenConfigurationError: The type of the key or the algorithm is not supported, another
            argument is invalid, or the extra is not installed. For a key function, the extra is
            checked on first use.
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
        certificate: SecretSource | None = None,
        certificate_headers: Collection[str] = ("x5t#S256",),
        headers: Mapping[str, object] | None = None,
        lifetime: int = LIFETIME,
    ) -> None:
        self._key = SigningKey(key, algorithm, key_id)
        self._audience = audience
        self._certificate = (
            None if certificate is None else Certificate(certificate, certificate_headers)
        )
        self._headers = _checked_headers({} if headers is None else headers)
        self._lifetime = check_lifetime(lifetime)

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
            TokenError: A function or the `Signer` passed as key raised an exception.
        """
        client_id = require_client_id(credentials.client_id)
        claims = new_claims(client_id, client_id, self._audience or audience, self._lifetime)
        certificate = {} if self._certificate is None else await self._certificate.headers()
        headers = {**self._headers, **certificate}
        put_assertion(form, client_id, await self._key.sign(claims, headers))
        return {}


def _checked_headers(headers: Mapping[str, object]) -> Mapping[str, object]:
    if not isinstance(headers, Mapping) or not all(isinstance(name, str) for name in headers):
        raise TokenConfigurationError("headers must be a mapping of header names to values")
    if clash := _OWN_HEADERS & headers.keys():
        raise TokenConfigurationError(
            f"headers cannot set {', '.join(sorted(clash))}: use algorithm, key_id, "
            "certificate and certificate_headers"
        )
    try:
        json.dumps(dict(headers))
    except (TypeError, ValueError):
        raise TokenConfigurationError("headers must have a JSON form") from None
    return dict(headers)
