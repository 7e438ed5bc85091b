"""Where the endpoints of a server are, as its metadata says it too.

Knows the names of the endpoints; knows neither sockets nor what is answered.
"""

from __future__ import annotations

from aioalf.testing._server.authorization_server import AuthorizationServer


class Addresses:
    """The URLs of `OAuthServer`."""

    _authorization: AuthorizationServer

    @property
    def issuer(self) -> str:
        """The issuer identifier, by which a client finds the metadata (RFC 8414).

        RuntimeError unless started, as for each URL here.
        """
        return self._authorization.issuer

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for."""
        return self._authorization.url("token_endpoint")

    @property
    def authorization_endpoint(self) -> str:
        """The login page; it is at ``token_endpoint + "/authorize"`` as well."""
        return self._authorization.url("authorization_endpoint")

    @property
    def pushed_authorization_request_endpoint(self) -> str:
        """Where a client hands in what it will ask a person for (RFC 9126)."""
        return self._authorization.url("pushed_authorization_request_endpoint")

    @property
    def device_authorization_endpoint(self) -> str:
        """Where a device asks for codes (RFC 8628)."""
        return self._authorization.url("device_authorization_endpoint")

    @property
    def revocation_endpoint(self) -> str:
        """Where a client ends a token (RFC 7009)."""
        return self._authorization.url("revocation_endpoint")

    @property
    def introspection_endpoint(self) -> str:
        """Where an API asks what a token is good for (RFC 7662)."""
        return self._authorization.url("introspection_endpoint")
