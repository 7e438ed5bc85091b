"""A custom grant."""

from aioalf.grants import AuthorizationServer, Grant
from aioalf.token import Token


class Account(Grant):
    """A grant with only the required method."""

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Send a custom token request."""
        return await endpoint.request({"grant_type": "urn:example:account"})


def test_defaults_of_a_custom_grant() -> None:
    """By default a grant has its class's name, can be repeated, and ignores refresh tokens."""
    grant = Account()
    assert grant.name == "Account"
    assert grant.can_begin
    assert not grant.keeps_refresh_token
