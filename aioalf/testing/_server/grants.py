"""The grants of the token endpoint: each turns a token request into a token response.

A grant is called with the client and the form, and raises OAuthError to refuse. Must not know
faults and counters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from aioalf.testing._server import jwt_assertions
from aioalf.testing._server.parameters import (
    Parameters,
    requested_audience,
    requested_resources,
)
from aioalf.testing._server.responses import OAuthError, invalid_request
from aioalf.testing._server.state.authorization import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.codes import CodeStore
from aioalf.testing._server.state.devices import DeviceStore
from aioalf.testing._server.state.tokens import AccessTokenStore, RefreshTokenStore
from aioalf.testing._server.token_response import Members, TokenIssuer
from aioalf.testing.settings import Settings

Grant = Callable[[RegisteredClient, Parameters], Members]

ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"


def requested_authorization(
    settings: Settings,
    client: RegisteredClient,
    params: Parameters,
    *,
    user: str | None = None,
    actor: str | None = None,
) -> Authorization:
    """Return an authorization for the requested scope, resources and audience.

    Raises OAuthError if the client is not allowed one of them.
    """
    return Authorization(
        client_id=client.client_id,
        scope=client.granted_scope(params.get("scope")),
        user=user,
        resources=requested_resources(settings, params),
        audience=requested_audience(settings, params),
        actor=actor,
        is_offline=settings.behaviour.asks_offline(params),
    )


class ClientCredentialsGrant:
    """The client credentials grant (RFC 6749 §4.4), without refresh token (§4.4.3)."""

    name = "client_credentials"

    def __init__(self, settings: Settings, issuer: TokenIssuer) -> None:
        self._settings = settings
        self._issuer = issuer

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        if client.is_public:
            raise OAuthError("unauthorized_client", "A public client cannot use this grant.")
        return self._issuer.access_token(requested_authorization(self._settings, client, form))


class AuthorizationCodeGrant:
    """The authorization code grant with PKCE (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

    name = "authorization_code"

    def __init__(self, settings: Settings, codes: CodeStore, issuer: TokenIssuer) -> None:
        self._settings = settings
        self._codes = codes
        self._issuer = issuer

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        if self._settings.requires_pkce(is_public=client.is_public):
            form.required("code_verifier")
        authorization = self._codes.redeem(
            form.required("code"),
            client_id=client.client_id,
            redirect_uri=form.required("redirect_uri"),
            code_verifier=form.get("code_verifier", ""),
        )
        resources = requested_resources(self._settings, form)
        return self._issuer.access_and_refresh_token(client, authorization, resources)


class RefreshTokenGrant:
    """The refresh token grant (RFC 6749 §6), with rotation if enabled (RFC 9700 §4.14.2)."""

    name = "refresh_token"

    def __init__(
        self, settings: Settings, refresh_tokens: RefreshTokenStore, issuer: TokenIssuer
    ) -> None:
        self._settings = settings
        self._refresh_tokens = refresh_tokens
        self._issuer = issuer

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        value = form.required("refresh_token")
        resources = requested_resources(self._settings, form)
        authorization = self._refresh_tokens.check(value, client.client_id)
        members = self._issuer.access_token(authorization.narrowed(form.get("scope"), resources))
        if self._settings.behaviour.refresh_answer == "same":
            members["refresh_token"] = value
        elif self._settings.rotates:
            members["refresh_token"] = self._refresh_tokens.rotate(value)
        return members


class DeviceCodeGrant:
    """The device authorization grant (RFC 8628 §3.4)."""

    name = "urn:ietf:params:oauth:grant-type:device_code"

    def __init__(self, settings: Settings, devices: DeviceStore, issuer: TokenIssuer) -> None:
        self._settings = settings
        self._devices = devices
        self._issuer = issuer

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        resources = requested_resources(self._settings, form)
        authorization = self._devices.poll(form.required("device_code"), client.client_id)
        return self._issuer.access_and_refresh_token(client, authorization, resources)


class TokenExchangeGrant:
    """Token exchange (RFC 8693): an access token for the subject of another token."""

    name = "urn:ietf:params:oauth:grant-type:token-exchange"

    def __init__(self, settings: Settings, tokens: AccessTokenStore, issuer: TokenIssuer) -> None:
        self._settings = settings
        self._tokens = tokens
        self._issuer = issuer
        self._foreign_subjects: dict[tuple[str, str], str] = {}  # by token, token type

    def trust(self, token: str, token_type: str, subject: str) -> None:
        """Accept a token of another issuer from now on."""
        self._foreign_subjects[token, token_type] = subject

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        if form.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
            raise invalid_request(f"The requested_token_type must be {ACCESS_TOKEN_TYPE}.")
        token, token_type = form.required("subject_token"), form.required("subject_token_type")
        authorization = requested_authorization(
            self._settings,
            client,
            form,
            user=self._subject(token, token_type),
            actor=self._actor(form),
        )
        members = self._issuer.access_token(authorization)
        return {**members, "issued_token_type": ACCESS_TOKEN_TYPE}

    def _actor(self, form: Parameters) -> str | None:
        if ("actor_token" in form) != ("actor_token_type" in form):
            raise invalid_request("actor_token and actor_token_type must be sent together (§2.1).")
        if "actor_token" not in form:
            return None
        return self._subject(form["actor_token"], form["actor_token_type"])

    def _subject(self, token: str, token_type: str) -> str:
        if (token, token_type) in self._foreign_subjects:
            return self._foreign_subjects[token, token_type]
        own = self._tokens.find(token) if token_type == ACCESS_TOKEN_TYPE else None
        if own is None:
            raise invalid_request("The token to exchange is unknown or no longer valid.")
        return own.authorization.user or own.authorization.client_id


class JWTBearerGrant:
    """The JWT bearer grant (RFC 7523 §2.1). The client may be anonymous."""

    name = "urn:ietf:params:oauth:grant-type:jwt-bearer"

    def __init__(
        self, settings: Settings, audiences: Callable[[], Collection[str]], issuer: TokenIssuer
    ) -> None:
        self._settings = settings
        self._audiences = audiences
        self._issuer = issuer
        self._assertions = jwt_assertions.AssertionChecker()
        self._keys: dict[str, Mapping[str, object]] = {}

    def trust(self, issuer: str, public_key: Mapping[str, object]) -> None:
        """Accept assertions of this issuer that are signed with this key from now on."""
        jwt_assertions.check_public_key(public_key)
        self._keys[issuer] = public_key

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        assertion = form.required("assertion")
        try:
            user, claims = self._check(assertion)
        except ValueError as error:
            raise OAuthError("invalid_grant", str(error)) from error
        if self._settings.behaviour.has_service_accounts:
            form = form.with_scope(claims.get("scope"))
        authorization = requested_authorization(self._settings, client, form, user=user)
        return self._issuer.access_token(authorization)

    def _check(self, assertion: str) -> tuple[str, jwt_assertions.Claims]:
        """Return the subject and the claims; raise ValueError, which says why, if not valid."""
        _, claims = jwt_assertions.decode_unverified(assertion)
        issuer = claims.get("iss")
        default = issuer if self._settings.behaviour.has_service_accounts else None
        subject = claims.get("sub", default)
        if not isinstance(issuer, str) or issuer not in self._keys:
            raise ValueError("The issuer of the assertion is not trusted here.")
        if not isinstance(subject, str) or not subject:
            raise ValueError("sub is missing or is not a string.")
        jwt_assertions.verify_signature(assertion, self._keys[issuer])
        self._assertions.check(claims, self._audiences(), needs_jti=False)
        return subject, claims
