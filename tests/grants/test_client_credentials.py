"""The client credentials grant, and what the package of grants exports."""

import subprocess
import sys
from collections.abc import Mapping

import pytest
from yarl import URL

import aioalf.grants
from aioalf.asked import Asked
from aioalf.errors import TokenConfigurationError
from aioalf.grants import ClientCredentials
from aioalf.testing import OAuthServer
from aioalf.token import Token
from tests.grants.source import ScriptedSource, ServerSource


class Endpoint:
    """A token endpoint of the former contract, that remembers what it was asked."""

    url = URL("https://auth.example.com/token")

    def __init__(self) -> None:
        self.forms: list[tuple[dict[str, str], frozenset[str] | None]] = []

    async def request(
        self, form: Mapping[str, str], scope: frozenset[str] | None, *, is_repeatable: bool = True
    ) -> Token:
        """A token, whatever was asked."""
        assert is_repeatable
        self.forms.append((dict(form), scope))
        return Token("abc", 3600)


@pytest.mark.rule("R012", "R016")
async def test_client_credentials_ask_with_scope_or_without() -> None:
    """The grant's name, the scope with one space between, and what must be granted."""
    endpoint = Endpoint()
    for scope in (None, "b  a", ["a"]):
        await ClientCredentials(scope).request_token(endpoint)
    grant_type = {"grant_type": "client_credentials"}
    assert endpoint.forms == [
        ({**grant_type, "scope": ""}, None),
        ({**grant_type, "scope": "b a"}, frozenset({"a", "b"})),
        ({**grant_type, "scope": "a"}, frozenset({"a"})),
    ]


@pytest.mark.rule("R011")
async def test_client_credentials_ask_the_same_each_time() -> None:
    """There is no state: a second token is asked for as the first was, and no refresh token."""
    source, grant = ScriptedSource(), ClientCredentials()
    for _ in range(2):
        await grant.request_token(source)
    assert source.forms == [{"grant_type": "client_credentials"}] * 2
    assert source.repeatable == [True, True]
    assert grant.can_begin
    assert not grant.keeps_refresh_token


@pytest.mark.rule("R012", "R016")
async def test_client_credentials_get_a_token(oauth_server: OAuthServer) -> None:
    """With the scope that was asked for."""
    source = ServerSource(oauth_server, Asked("a b"))
    token = await ClientCredentials().request_token(source)
    assert token.is_valid()
    assert token.scope == frozenset({"a", "b"})


def test_a_scope_that_is_none_is_told_when_the_grant_is_made() -> None:
    """Not when the first token is needed."""
    with pytest.raises(TokenConfigurationError, match="scope must be"):
        ClientCredentials(5)  # type: ignore[arg-type]


@pytest.mark.rule("R015")
def test_there_is_no_password_grant() -> None:
    """A person's password is not asked for, nor taken (RFC 9700 §2.4)."""
    assert not [name for name in aioalf.grants.__all__ if "password" in name.lower()]


def test_every_name_that_is_exported_is_there() -> None:
    """`__all__`, `dir` and attributes agree."""
    assert set(aioalf.grants.__all__) <= set(dir(aioalf.grants))
    assert all(getattr(aioalf.grants, name) is not None for name in aioalf.grants.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Password'"):
        _ = aioalf.grants.Password  # type: ignore[attr-defined]


def test_importing_the_package_imports_one_grant() -> None:
    """The others come when they are named."""
    program = (
        "import sys, aioalf; print(*(name for name in sys.modules if 'aioalf.grants.' in name)); "
        "from aioalf.grants import DeviceCode; DeviceCode()"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert set(run.stdout.split()) == {
        "aioalf.grants.client_credentials",
        "aioalf.grants.contract",
    }
