"""A client that proves who it is with a JSON Web Token of its own making.

RFC 7523 §2.2: ``client_secret_jwt`` with its secret, ``private_key_jwt`` with its key. Knows
nothing of the other ways.
"""

from __future__ import annotations

from collections.abc import Callable

from aioalf.testing._server.client_auth import jose
from aioalf.testing._server.state.assertions import Assertions
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing.settings import Settings

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientAssertions:
    """Reads assertions and checks them; ValueError says why one is not good."""

    def __init__(self, settings: Settings, issuer: Callable[[], str]) -> None:
        self._settings = settings
        self._issuer = issuer
        self._assertions = Assertions()

    @staticmethod
    def claimed(assertion: str) -> tuple[str, str]:
        """The client that an assertion is said to come from, and the method that it is."""
        header, claims = jose.unverified(assertion)
        client_id = claims.get("sub")
        if not isinstance(client_id, str) or claims.get("iss") != client_id:
            raise ValueError("iss and sub are not both the client's id.")
        is_hmac = header.get("alg") in jose.HMAC_ALGORITHMS
        return client_id, "client_secret_jwt" if is_hmac else "private_key_jwt"

    def check(self, assertion: str, client: RegisteredClient) -> None:
        """That the client made it, for this server, and uses it for the first time."""
        _, method = self.claimed(assertion)
        key = client.client_secret if method == "client_secret_jwt" else client.public_key
        if key is None:
            raise ValueError("The client is registered without what would prove that.")
        jose.verify(assertion, key)
        _, claims = jose.unverified(assertion)
        audience = self._settings.assertion_audience or self._issuer()
        self._assertions.check(claims, [audience], needs_jti=True)
