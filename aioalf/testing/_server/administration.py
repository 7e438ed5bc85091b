"""What a test does at a server that runs: whom it knows and trusts, what it approves and ends.

Knows no HTTP: nothing here is asked for by a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aioalf.testing._server.authorization_server import AuthorizationServer
from aioalf.testing._server.state.clients import (
    LOOPBACK_REDIRECT_URIS,
    ClientRegistry,
    RegisteredClient,
    usual_methods,
)
from aioalf.testing._server.state.devices import WaitingDevice
from aioalf.testing._server.state.subject_tokens import ACCESS_TOKEN_TYPE
from aioalf.testing.records import Traffic


class Administration:
    """The methods of `OAuthServer` that change what it knows."""

    _authorization: AuthorizationServer
    _clients: ClientRegistry
    _traffic: Traffic

    def add_client(
        self,
        client_id: str,
        client_secret: str | None = None,
        *,
        redirect_uris: Iterable[str] = LOOPBACK_REDIRECT_URIS,
        any_loopback_port: bool = True,
        scopes: Iterable[str] | None = None,
        grant_types: Iterable[str] | None = None,
        auth_methods: Iterable[str] | None = None,
        public_key: Mapping[str, object] | None = None,
        certificate_name: str | None = None,
        offline: bool = True,
    ) -> None:
        """Register a client, in place of one with the same id.

        Without secret, key and certificate it is public. ``redirect_uris`` are compared whole, but
        for the port on loopback (RFC 8252 §7.3) unless ``any_loopback_port`` is False. ``scopes``
        and ``grant_types`` None are any, ``auth_methods`` None what fits the secret, the key (a JWK
        or a JWK set) or the certificate (the DNS name in it). Refresh tokens need ``offline``.
        ValueError for what could never work, RuntimeError where the extra ``jose`` is needed.
        """
        methods = usual_methods(client_secret, public_key, certificate_name)
        self._clients.add(
            RegisteredClient(
                client_id=client_id,
                client_secret=client_secret,
                auth_methods=methods if auth_methods is None else frozenset(auth_methods),
                public_key=public_key,
                certificate_name=certificate_name,
                redirect_uris=tuple(redirect_uris),
                any_loopback_port=any_loopback_port,
                scopes=None if scopes is None else frozenset(scopes),
                grant_types=None if grant_types is None else frozenset(grant_types),
                is_offline=offline,
            )
        )

    def approve(self, user_code: str, user: str = "Ada") -> None:
        """Say yes to a device, as on its page; LookupError when none waits with this code."""
        self._authorization.devices.approve(self._device(user_code), user)
        self._traffic.count("logins")

    def deny(self, user_code: str) -> None:
        """Say no to a device, as on its page; LookupError when none waits with this code."""
        self._authorization.devices.deny(self._device(user_code))

    def _device(self, user_code: str) -> WaitingDevice:
        device = self._authorization.devices.find(user_code)
        if device is None:
            raise LookupError(f"No device waits with the code {user_code!r}.")
        return device

    def add_subject_token(
        self, token: str, subject: str, *, token_type: str = ACCESS_TOKEN_TYPE
    ) -> None:
        """Let clients exchange a token from elsewhere, which speaks for this subject (RFC 8693)."""
        self._authorization.subject_tokens.add(token, token_type, subject)

    def trust_assertions(self, issuer: str, public_key: Mapping[str, object]) -> None:
        """Take JSON Web Tokens of this issuer as a grant (RFC 7523); the key is a JWK or a set.

        ValueError for what is no key, RuntimeError without the extra ``jose``.
        """
        self._authorization.jwt_bearer.trust(issuer, public_key)

    def revoke(self, access_token: str) -> None:
        """Refuse one token from now on."""
        self._authorization.tokens.revoke(access_token)

    def revoke_all(self) -> None:
        """Refuse every access token issued so far; refresh tokens stay good."""
        self._authorization.tokens.revoke_all()

    def revoke_refresh_tokens(self) -> None:
        """Refuse every refresh token issued so far; access tokens stay good."""
        self._authorization.refresh_tokens.revoke_all()

    def expire_all(self) -> None:
        """End the life of every access token issued so far, as if the time had come."""
        self._authorization.tokens.expire_all()
