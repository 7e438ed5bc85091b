"""An assertion of an issuer that the server trusts becomes a token (RFC 7523 §2.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from aioalf.testing._server import targets
from aioalf.testing._server.client_auth import jose
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.oauth_error import OAuthError
from aioalf.testing._server.state.assertions import Assertions
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.mint import Members, Mint
from aioalf.testing.settings import Settings


class JWTBearerGrant:
    """An access token for the ``sub`` of an assertion, for a client that need not be known."""

    name = "urn:ietf:params:oauth:grant-type:jwt-bearer"

    def __init__(
        self, settings: Settings, audiences: Callable[[], Collection[str]], mint: Mint
    ) -> None:
        self._settings = settings
        self._audiences = audiences
        self._mint = mint
        self._assertions = Assertions()
        self._keys: dict[str, Mapping[str, object]] = {}

    def trust(self, issuer: str, public_key: Mapping[str, object]) -> None:
        """Take assertions of this issuer from now on, if this key has signed them."""
        jose.require_key(public_key)
        self._keys[issuer] = public_key

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        """OAuthError ``invalid_grant`` for an assertion that is not good (§3.1)."""
        assertion = form.required("assertion")
        try:
            user = self._subject(assertion)
        except ValueError as error:
            raise OAuthError("invalid_grant", str(error)) from error
        authorization = Authorization(
            client_id=client.client_id,
            scope=client.grant(form.get("scope")),
            user=user,
            resources=targets.resources(self._settings, form),
            audience=targets.audience(self._settings, form),
        )
        return self._mint.access(authorization)

    def _subject(self, assertion: str) -> str:
        _, claims = jose.unverified(assertion)
        issuer, subject = claims.get("iss"), claims.get("sub")
        if not isinstance(issuer, str) or issuer not in self._keys:
            raise ValueError("The assertion's issuer is not trusted here.")
        if not isinstance(subject, str) or not subject:
            raise ValueError("sub is missing.")
        jose.verify(assertion, self._keys[issuer])
        self._assertions.check(claims, self._audiences(), needs_jti=False)
        return subject
