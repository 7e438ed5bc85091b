"""The grants: what each asks the token endpoint for."""

from collections.abc import Mapping

import pytest
from yarl import URL

import aioalf.grants
from aioalf.errors import TokenConfigurationError
from aioalf.grants import ClientCredentials
from aioalf.token import Token


class Endpoint:
    """A token endpoint that remembers what it was asked."""

    url = URL("https://auth.example.com/token")

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], frozenset[str] | None]] = []

    async def request(
        self, form: Mapping[str, str], scope: frozenset[str] | None, *, is_repeatable: bool = True
    ) -> Token:
        """A token, whatever was asked."""
        assert is_repeatable
        self.asked.append((dict(form), scope))
        return Token("abc", 3600)


@pytest.mark.rule("R012", "R016")
async def test_client_credentials_ask_with_scope_or_without() -> None:
    """The grant's name, the scope with one space between, and what must be granted."""
    endpoint = Endpoint()
    for scope in (None, "b  a", ["a"]):
        await ClientCredentials(scope).request_token(endpoint)
    grant_type = {"grant_type": "client_credentials"}
    assert endpoint.asked == [
        ({**grant_type, "scope": ""}, None),
        ({**grant_type, "scope": "b a"}, frozenset({"a", "b"})),
        ({**grant_type, "scope": "a"}, frozenset({"a"})),
    ]


@pytest.mark.rule("R011")
async def test_client_credentials_ask_the_same_each_time() -> None:
    """There is no state: a second token is asked for as the first was."""
    endpoint, grant = Endpoint(), ClientCredentials("a")
    for _ in range(2):
        await grant.request_token(endpoint)
    assert endpoint.asked[0] == endpoint.asked[1]


def test_a_scope_that_is_none_is_told_when_the_grant_is_made() -> None:
    """Not when the first token is needed."""
    with pytest.raises(TokenConfigurationError, match="scope must be"):
        ClientCredentials(5)  # type: ignore[arg-type]


def test_there_is_no_password_grant() -> None:
    """A person's password is not asked for, nor taken (RFC 9700 §2.4)."""
    assert not [name for name in aioalf.grants.__all__ if "password" in name.lower()]
