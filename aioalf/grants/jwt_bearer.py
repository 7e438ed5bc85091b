"""The JWT bearer grant: a signed assertion that names the subject of the token (RFC 7523 §2.1)."""

from __future__ import annotations

from collections.abc import Mapping

from aioalf._error_frames import hide_locals_on_error
from aioalf._masked_values import MaskedStr
from aioalf._redaction import Unpicklable
from aioalf.client_auth._assertion import LIFETIME, new_claims
from aioalf.client_auth._signing_key import PrivateKey, SigningKey
from aioalf.errors import TokenConfigurationError
from aioalf.grants._secret_source import check_text
from aioalf.grants.protocols import AuthorizationServer, subject_digest
from aioalf.token import Token


class JWTBearer(Unpicklable):
    """Request tokens with an assertion that this client signs. Needs the extra ``aio-alf[jose]``.

    Each assertion is new and is sent once.

    Args:
        key: The private key, as in `PrivateKeyJWT`.
        algorithm: The signature algorithm, as in `PrivateKeyJWT`.
        issuer: The ``iss`` claim: the party that signs the assertion.
        subject: The ``sub`` claim: the party the token is for; `issuer` by default.
        audience: The ``aud`` claim; by default the issuer of the server, else its token endpoint.
        key_id: The ``kid`` of the key, as in `PrivateKeyJWT`.
        lifetime: The lifetime of an assertion in seconds.
        claims: Further claims.

    Raises:
        TokenConfigurationError: An argument is invalid, or `claims` contains a claim that is set
            here.
    """

    name = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    can_begin = True
    is_interactive = False
    keeps_refresh_token = False
    reserved_params: frozenset[str] = frozenset({"assertion"})

    @hide_locals_on_error
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
                f"claims cannot set {', '.join(sorted(clash))}: JWTBearer sets it from its other "
                "arguments and the time"
            )

    @property
    def subject_key(self) -> str | None:
        """A digest of the claims that name the subject, and of the key; see `Grant.subject_key`."""
        parts = [self._issuer, self._subject, self._audience, self._claims]
        digest = self._key.digest  # so that a client with another key does not get the token
        return subject_digest(*parts, *([] if digest is None else [digest]))

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return the token for a new assertion. Raises TokenError."""
        audience = self._audience or endpoint.issuer
        audience = audience or str(await endpoint.url_of("token_endpoint"))
        claims = new_claims(self._issuer, self._subject, audience, self._lifetime)
        assertion = MaskedStr(await self._key.sign({**self._claims, **claims}))
        return await endpoint.request({"grant_type": self.name, "assertion": assertion})
