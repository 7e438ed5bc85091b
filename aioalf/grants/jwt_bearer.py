"""The JWT bearer grant: a signed assertion that speaks for somebody (RFC 7523 §2.1)."""

from __future__ import annotations

from collections.abc import Mapping

from aioalf._redaction import Unpicklable
from aioalf.client_auth._assertion import LIFETIME, new_claims
from aioalf.client_auth._signing_key import PrivateKey, SigningKey
from aioalf.errors import TokenConfigurationError
from aioalf.grants._secret_source import check_text
from aioalf.grants.protocols import AuthorizationServer, subject_digest
from aioalf.token import Token


class JWTBearer(Unpicklable):
    """Ask with an assertion of ``issuer`` that speaks for ``subject``, by default for itself.

    ``key``, ``algorithm`` and ``key_id`` are `PrivateKeyJWT`'s, RS256 by default, and need the
    extra ``aio-alf[jose]`` as there. ``audience`` is the issuer of the server, else its token
    endpoint; ``lifetime`` is in seconds; ``claims`` go in besides. Each assertion is new and is
    sent once. Raises TokenConfigurationError for what cannot work.
    """

    name = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    can_begin = True
    keeps_refresh_token = False

    def __init__(
        self,
        key: PrivateKey,
        *,
        algorithm: str = "RS256",
        issuer: str,
        subject: str | None = None,
        audience: str | None = None,
        key_id: str | None = None,
        lifetime: int = LIFETIME,
        claims: Mapping[str, object] | None = None,
    ) -> None:
        self._key = SigningKey(key, algorithm, key_id)
        self._issuer = check_text("issuer", issuer)
        self._subject = self._issuer if subject is None else check_text("subject", subject)
        self._audience = None if audience is None else check_text("audience", audience)
        if isinstance(lifetime, bool) or not isinstance(lifetime, int) or lifetime <= 0:
            raise TokenConfigurationError("lifetime must be a whole number of seconds above 0")
        self._lifetime = lifetime
        if not (claims is None or isinstance(claims, Mapping)):
            raise TokenConfigurationError("claims must be a mapping")
        self._claims = dict(claims or {})
        if clash := self._claims.keys() & new_claims("", "", "").keys():
            raise TokenConfigurationError(
                f"claims: {', '.join(sorted(clash))} cannot be set there; it is set elsewhere"
            )

    @property
    def subject_key(self) -> str:
        """For whom the assertions speak: `OfSubject`."""
        return subject_digest(self._issuer, self._subject, self._audience, self._claims)

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return the token for a new assertion. Raises TokenError."""
        audience = self._audience or endpoint.issuer
        audience = audience or str(await endpoint.url_of("token_endpoint"))
        claims = new_claims(self._issuer, self._subject, audience, self._lifetime)
        assertion = await self._key.sign({**self._claims, **claims})
        return await endpoint.request({"grant_type": self.name, "assertion": assertion})
