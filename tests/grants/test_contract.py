"""A custom grant, and an authorization server that a program gives to a grant."""

from yarl import URL

from aioalf._auth_server.authorization_rules import AuthorizationRules
from aioalf.grants import AuthorizationServer, Grant
from aioalf.token import Token


class Account(Grant):
    """A grant with only the required method."""

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Send a custom token request."""
        return await server.request({"grant_type": "urn:example:account"})


def test_defaults_of_a_custom_grant() -> None:
    """By default a grant has its class's name, can be repeated, and ignores refresh tokens."""
    grant = Account()
    assert grant.name == "Account"
    assert grant.can_begin
    assert not grant.keeps_refresh_token


class Server(AuthorizationServer):
    """A server without the members that have a default."""


def test_defaults_of_an_authorization_server() -> None:
    """The client counts as public, so that PKCE is sent, and plain http is insecure."""
    server = Server()  # type: ignore[abstract]  # pyright: ignore[reportAbstractUsage]
    assert server.is_public_client
    assert server.authorization_rules == AuthorizationRules()
    assert server.is_insecure(URL("http://auth.example.com/"))
    assert not server.is_insecure(URL("http://localhost/"))
