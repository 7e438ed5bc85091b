"""Client authentication with a JWT made with the client secret (RFC 7523 §2.2).

OpenID Connect Core §9 names the method.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from ssl import SSLContext
from typing import Final

from aioalf._error_frames import hide_locals_on_error
from aioalf.client_auth import _jose as jose
from aioalf.client_auth._assertion import new_claims, put_assertion
from aioalf.client_auth.credentials import (
    Credentials,
    require_client_id,
    require_id_and_secret,
)
from aioalf.client_auth.protocols import MutableForm
from aioalf.errors import TokenConfigurationError

_MIN_SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}


class ClientSecretJWT:
    """Send a JWT authenticated with the client secret (HMAC); the secret itself is not sent.

    Needs the extra ``aio-alf[jose]``.

    Args:
        algorithm: HS256, HS384 or HS512. The secret must have at least 32, 48 or 64 bytes
            (RFC 7518 §3.2).
        audience: The ``aud`` claim. Default: the server's issuer, or the token endpoint if the
            issuer is not known. Some servers require the URL of the token endpoint.

    Raises:
        TokenConfigurationError: The algorithm is not supported, or the extra is not installed.
    """

    method: str = "client_secret_jwt"
    ssl_context: SSLContext | None = None

    @hide_locals_on_error
    def __init__(self, algorithm: str = "HS256", *, audience: str | None = None) -> None:
        if algorithm not in _MIN_SECRET_BYTES:
            raise TokenConfigurationError(
                f"algorithm must be one of {', '.join(_MIN_SECRET_BYTES)}"
            )
        jose.require_joserfc()
        self._algorithm = algorithm
        self._audience = audience

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Add a new JWT to the form; no header is needed.

        Raises:
            TokenConfigurationError: The id or the secret is missing, or the secret is too short.
        """
        # Error reports show local variables, so the secret is never one of them here.
        client_id = require_client_id(credentials.client_id)
        min_bytes = _MIN_SECRET_BYTES[self._algorithm]
        if len(require_id_and_secret(credentials)[1].encode()) < min_bytes:
            raise TokenConfigurationError(
                f"client_secret is too short for {self._algorithm}, which needs at least "
                f"{min_bytes} bytes (RFC 7518 §3.2): use a longer secret or another algorithm"
            )
        claims = new_claims(client_id, client_id, self._audience or audience)
        put_assertion(form, client_id, await asyncio.to_thread(self._sign, claims, credentials))
        return {}

    def _sign(self, claims: Mapping[str, object], credentials: Credentials) -> str:
        key = jose.read_secret(require_id_and_secret(credentials)[1])
        return jose.sign({"alg": self._algorithm}, json.dumps(claims).encode(), key)
