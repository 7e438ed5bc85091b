"""The methods of `OAuthServer` that a test uses to change what the server knows.

Must not know HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aioalf.testing._server.authorization_server import AuthorizationServer
from aioalf.testing._server.grants import ACCESS_TOKEN_TYPE
from aioalf.testing._server.state.clients import (
    LOOPBACK_REDIRECT_URIS,
    ClientRegistry,
    RegisteredClient,
    default_auth_methods,
)
from aioalf.testing._server.state.devices import WaitingDevice
from aioalf.testing.records import Traffic


class Administration:
    """Registers clients, decides device requests, and revokes tokens."""

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
        any_loopback_path: bool = False,
        scopes: Iterable[str] | None = None,
        grant_types: Iterable[str] | None = None,
        auth_methods: Iterable[str] | None = None,
        public_key: Mapping[str, object] | None = None,
        certificate_name: str | None = None,
        offline: bool = True,
    ) -> None:
        """Register a client. It replaces a client with the same id.

        Args:
            client_id: The client id.
            client_secret: The client secret. Without secret, key and certificate the client is
                public.
            redirect_uris: The allowed redirect URIs. By default the root and ``/callback`` of
                ``localhost``, ``127.0.0.1`` and ``[::1]``.
            any_loopback_port: Ignore the port of redirect URIs on loopback (RFC 8252 §7.3).
            any_loopback_path: Ignore their path too.
            scopes: The allowed scopes; None allows any.
            grant_types: The allowed grant types; None allows any.
            auth_methods: The allowed client authentication methods, by their registered names.
                None allows the method that fits the secret, the key or the certificate.
            public_key: A JWK or a JWK set, for ``private_key_jwt``.
            certificate_name: A DNS name in the client's certificate, for ``tls_client_auth``.
            offline: Allow refresh tokens.

        Raises:
            ValueError: If the client could never authenticate like this.
            RuntimeError: If the extra ``jose`` is needed and not installed.
        """
        methods = default_auth_methods(client_secret, public_key, certificate_name)
        self._clients.add(
            RegisteredClient(
                client_id=client_id,
                client_secret=client_secret,
                auth_methods=methods if auth_methods is None else frozenset(auth_methods),
                public_key=public_key,
                certificate_name=certificate_name,
                redirect_uris=tuple(redirect_uris),
                any_loopback_port=any_loopback_port,
                any_loopback_path=any_loopback_path,
                scopes=None if scopes is None else frozenset(scopes),
                grant_types=None if grant_types is None else frozenset(grant_types),
                can_have_refresh_tokens=offline,
            )
        )

    def approve(self, user_code: str, user: str = "Ada") -> None:
        """Approve a device's request, as a user does on the verification page.

        Args:
            user_code: The code that the device shows.
            user: The name of the user.

        Raises:
            LookupError: If no device waits with this code.
        """
        self._authorization.devices.approve(self._device(user_code), user)
        self._traffic.count("logins")

    def deny(self, user_code: str) -> None:
        """Deny a device's request, as a user does on the verification page.

        Args:
            user_code: The code that the device shows.

        Raises:
            LookupError: If no device waits with this code.
        """
        self._authorization.devices.deny(self._device(user_code))

    def _device(self, user_code: str) -> WaitingDevice:
        device = self._authorization.devices.find(user_code)
        if device is None:
            raise LookupError(f"No device waits with the code {user_code!r}.")
        return device

    def add_subject_token(
        self, token: str, subject: str, *, token_type: str = ACCESS_TOKEN_TYPE
    ) -> None:
        """Accept a token of another issuer in token exchange (RFC 8693).

        Args:
            token: The token.
            subject: The user that the token represents.
            token_type: The token type identifier (RFC 8693 §3).
        """
        self._authorization.token_exchange.trust(token, token_type, subject)

    def trust_assertions(self, issuer: str, public_key: Mapping[str, object]) -> None:
        """Accept assertions of an issuer in the JWT bearer grant (RFC 7523).

        Args:
            issuer: The ``iss`` of the assertions.
            public_key: The issuer's key, as a JWK or a JWK set.

        Raises:
            ValueError: If ``public_key`` is neither.
            RuntimeError: If the extra ``jose`` is not installed.
        """
        self._authorization.jwt_bearer.trust(issuer, public_key)

    def revoke(self, access_token: str) -> None:
        """Revoke one access token.

        Args:
            access_token: The token. An unknown token is ignored.
        """
        self._authorization.tokens.revoke(access_token)

    def revoke_all(self) -> None:
        """Revoke every access token issued so far. Refresh tokens stay valid."""
        self._authorization.tokens.revoke_all()

    def revoke_refresh_tokens(self) -> None:
        """Revoke every refresh token issued so far. Access tokens stay valid."""
        self._authorization.refresh_tokens.revoke_all()

    def expire_all(self) -> None:
        """Expire every access token issued so far."""
        self._authorization.tokens.expire_all()
