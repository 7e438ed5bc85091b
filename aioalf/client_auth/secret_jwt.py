"""An assertion that the client's secret authenticates (OpenID Connect Core §9, RFC 7523 §2.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from ssl import SSLContext
from typing import Final

from aioalf.client_auth._assertion import new_claims, put_assertion
from aioalf.client_auth._signing_key import need_library
from aioalf.client_auth.credentials import Credentials, require
from aioalf.client_auth.protocols import MutableForm
from aioalf.errors import TokenConfigurationError

_OCTETS: Final = {"HS256": 32, "HS384": 48, "HS512": 64}


class ClientSecretJWT:
    """A JWT with a MAC made of the client's secret, which itself is not sent.

    ``algorithm`` is HS256, HS384 or HS512; the secret must have 32, 48 or 64 octets at least
    (RFC 7518 §3.2). ``audience`` stands in the place of the server's issuer, for servers that want
    the token endpoint's URL there. Needs the extra ``aio-alf[jose]``. Raises
    TokenConfigurationError for another algorithm.
    """

    method: str = "client_secret_jwt"
    ssl_context: SSLContext | None = None

    def __init__(self, algorithm: str = "HS256", *, audience: str | None = None) -> None:
        if algorithm not in _OCTETS:
            raise TokenConfigurationError(f"algorithm must be one of {', '.join(_OCTETS)}")
        self._algorithm = algorithm
        self._audience = audience

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Put a new assertion into the form; no header field is needed."""
        client_id, secret = require(credentials)
        if len(secret.encode()) < _OCTETS[self._algorithm]:
            raise TokenConfigurationError(
                f"client_secret is too short for {self._algorithm}, which needs "
                f"{_OCTETS[self._algorithm]} octets (RFC 7518 §3.2)"
            )
        claims = new_claims(client_id, client_id, self._audience or audience)
        put_assertion(form, client_id, await asyncio.to_thread(self._signed, claims, secret))
        return {}

    def _signed(self, claims: Mapping[str, object], secret: str) -> str:
        need_library()
        from aioalf.client_auth import _jose as jose  # noqa: PLC0415 - few need it

        try:
            key = jose.read_secret(secret)
        except ValueError:  # which the library raises for one that is itself a public key
            raise TokenConfigurationError("client_secret must not be a public key") from None
        return jose.sign({"alg": self._algorithm}, json.dumps(claims).encode(), key)
