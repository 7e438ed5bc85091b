"""A grant of a user's own."""

from aioalf.grants import AuthorizationServer, Grant
from aioalf.token import Token


class Account(Grant):
    """Needs no more than the one method."""

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Ask in a way of its own."""
        return await endpoint.request({"grant_type": "urn:example:account"})


def test_a_grant_that_says_nothing_of_itself_begins_anew_and_keeps_nothing() -> None:
    """Its name is its class's; a refresh token in the answer is ignored."""
    grant = Account()
    assert grant.name == "Account"
    assert grant.can_begin
    assert not grant.keeps_refresh_token
