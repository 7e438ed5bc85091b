"""The JWT bearer grant: an assertion that names the subject of the token (RFC 7523 §2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._error_frames import hide_locals_on_error
from aioalf._hidden_repr import MaskedDict, MaskedStr
from aioalf._masking import Unpicklable
from aioalf._secret_source import SecretSource, check_secret_source, check_text, secret_value
from aioalf.client_auth._assertion import LIFETIME, check_lifetime, new_claims
from aioalf.client_auth._signing_key import PrivateKey, SigningKey
from aioalf.errors import TokenConfigurationError
from aioalf.grants.protocols import AuthorizationServer, Form, subject_digest
from aioalf.token import Token


class JWTBearer(Unpicklable):
    """Request tokens with an assertion: one that this client signs, or one that it received.

    A signed assertion is new for each token. It needs the extra ``aio-alf[jose]``, unless `key` is
    a `Signer`. With ``assertion=`` the client sends a token that it received: the token of a user
    who called it (on-behalf-of), of an identity provider (identity chaining), or of a platform
    (workload federation). One client has one token, so use a client of its own for each user.

    Args:
        key: The private key, as in `PrivateKeyJWT`.
        assertion: Instead of `key`, the assertion: text, or a sync or async function that returns
            it, such as a `SecretFile`.
        algorithm: The signature algorithm, as in `PrivateKeyJWT`.
        issuer: The ``iss`` claim: the party that signs the assertion. Required with `key`.
        subject: The ``sub`` claim: the party the token is for; `issuer` by default.
        subject_claim: False sends no ``sub`` claim, although RFC 7523 §3 requires it: for a server
            such as Google's, where the claim names another user than the issuer.
        audience: The ``aud`` claim; by default the issuer of the server, else its token endpoint.
        key_id: The ``kid`` of the key, as in `PrivateKeyJWT`.
        lifetime: The lifetime of a signed assertion in seconds.
        claims: Further claims.
        scope_claim: Send the scope as a claim of the signed assertion instead of in the form.
        extra_params: Further parameters of the token request.
        subject_key: Identifies whose token it is, for caches, if `assertion` is a function: two
            users must never have the same value. Without it, no cache can be used.

    Raises:
        TokenConfigurationError: An argument is invalid or cannot be combined with another one.
    """

    name = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    can_begin = True
    is_interactive = False
    keeps_refresh_token = False
    reserved_params: frozenset[str] = frozenset({"assertion"})

    @hide_locals_on_error
    def __init__(
        self,
        key: PrivateKey | None = None,
        *,
        assertion: SecretSource | None = None,
        algorithm: str = "RS256",
        issuer: str | None = None,
        subject: str | None = None,
        subject_claim: bool = True,
        audience: str | None = None,
        key_id: str | None = None,
        lifetime: int = LIFETIME,
        claims: Mapping[str, object] | None = None,
        scope_claim: bool = False,
        extra_params: Mapping[str, str] | None = None,
        subject_key: str | None = None,
    ) -> None:
        extra = TokenRequestParams(extra=extra_params, reserved=self.reserved_params).extra
        self._extra_params = MaskedDict(extra)
        self._source: _SignedAssertion | _GivenAssertion
        if assertion is None:
            _refuse_with("key", subject_key=subject_key)
            self._source = _SignedAssertion(
                key,
                algorithm,
                key_id,
                issuer=issuer,
                subject=subject,
                subject_claim=subject_claim,
                audience=audience,
                lifetime=lifetime,
                claims=claims,
                scope_claim=scope_claim,
            )
        else:
            _refuse_with(
                "assertion",
                key=key,
                issuer=issuer,
                subject=subject,
                subject_claim=None if subject_claim else False,
                audience=audience,
                key_id=key_id,
                claims=claims,
                scope_claim=scope_claim or None,
            )
            self._source = _GivenAssertion(assertion, subject_key)

    @property
    def subject_key(self) -> str | None:
        """A digest of the claims or the assertion, and of the key; see `Grant.subject_key`."""
        parts = self._source.subject_parts
        if parts is None:
            return None
        return subject_digest(*parts, *([dict(self._extra_params)] if self._extra_params else []))

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return the token for the assertion. Raises TokenError."""
        form = MaskedDict({**self._extra_params, "grant_type": self.name})
        form.update(await self._source.form(server))
        return await server.request(form, is_repeatable=self._source.is_repeatable)


class _SignedAssertion:
    """Signs a new assertion for each token."""

    is_repeatable = False

    def __init__(
        self,
        key: PrivateKey | None,
        algorithm: str,
        key_id: str | None,
        *,
        issuer: str | None,
        subject: str | None,
        subject_claim: bool,
        audience: str | None,
        lifetime: int,
        claims: Mapping[str, object] | None,
        scope_claim: bool,
    ) -> None:
        if key is None:
            raise TokenConfigurationError("JWTBearer needs a key or an assertion")
        self._key = SigningKey(key, algorithm, key_id)
        self._issuer = check_text("issuer", issuer)
        self._subject = self._issuer if subject is None else check_text("subject", subject)
        if not subject_claim:
            _refuse_with("subject_claim=False", subject=subject)
            self._subject = ""
        self._audience = None if audience is None else check_text("audience", audience)
        self._lifetime = check_lifetime(lifetime)
        if not (claims is None or isinstance(claims, Mapping)):
            raise TokenConfigurationError("claims must be a mapping")
        self._claims = dict(claims or {})
        self._scope_claim = scope_claim
        reserved = {*new_claims("", "", ""), *(("scope",) if scope_claim else ())}
        if clash := self._claims.keys() & reserved:
            raise TokenConfigurationError(
                f"claims cannot set {', '.join(sorted(clash))}: JWTBearer sets it from its other "
                "arguments and the time"
            )

    @property
    def subject_parts(self) -> Sequence[object]:
        """The claims that name the subject, and the digest of the key."""
        digest = self._key.digest  # so that a client with another key does not get the token
        parts = [self._issuer, self._subject, self._audience, self._claims]
        return [*parts, *([] if digest is None else [digest])]

    async def form(self, server: AuthorizationServer) -> Form:
        audience = self._audience or server.issuer
        audience = audience or str(await server.url_of("token_endpoint"))
        claims = new_claims(self._issuer, self._subject, audience, self._lifetime)
        if not self._subject:
            del claims["sub"]
        scope = server.request_params.scope if self._scope_claim else ""
        scope_claim = {"scope": scope} if scope else {}
        assertion = MaskedStr(await self._key.sign({**self._claims, **scope_claim, **claims}))
        # An empty parameter is not sent; it replaces the one of the request parameters.
        return MaskedDict({"assertion": assertion, **({"scope": ""} if scope else {})})


class _GivenAssertion:
    """Sends an assertion that the user of the grant provides."""

    is_repeatable = True

    def __init__(self, assertion: SecretSource, subject_key: str | None) -> None:
        self._assertion = check_secret_source("assertion", assertion)
        self._subject_key = None if subject_key is None else check_text("subject_key", subject_key)
        if subject_key is not None and not callable(assertion):
            raise TokenConfigurationError(
                "subject_key is only for a function: an assertion that is text identifies itself"
            )

    @property
    def subject_parts(self) -> Sequence[object] | None:
        """The text that identifies the subject, None if the subject is unknown."""
        identity = self._subject_key if callable(self._assertion) else self._assertion
        return None if identity is None else ["assertion", callable(self._assertion), identity]

    async def form(self, _: AuthorizationServer) -> Form:
        return MaskedDict(
            {"assertion": MaskedStr(await secret_value("assertion", self._assertion))}
        )


def _refuse_with(used: str, **others: object) -> None:
    if given := [name for name, value in others.items() if value is not None]:
        raise TokenConfigurationError(f"JWTBearer with {used} cannot use {', '.join(given)}")
