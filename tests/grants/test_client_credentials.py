"""The client credentials grant, and the names that the package exports."""

import pytest

import aioalf.grants
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.grants import ClientCredentials
from aioalf.testing import OAuthServer
from tests.grants.source import ScriptedSource, ServerSource


@pytest.mark.rule("R011")
async def test_each_request_is_the_same() -> None:
    """The grant has no state and uses no refresh token."""
    source, grant = ScriptedSource(), ClientCredentials()
    for _ in range(2):
        await grant.request_token(source)
    assert source.forms == [{"grant_type": "client_credentials"}] * 2
    assert source.repeatable == [True, True]
    assert grant.can_begin
    assert not grant.keeps_refresh_token


@pytest.mark.rule("R012", "R016")
async def test_client_credentials_return_a_token(oauth_server: OAuthServer) -> None:
    """The token has the requested scope."""
    source = ServerSource(oauth_server, TokenRequestParams("a b"))
    token = await ClientCredentials().request_token(source)
    assert token.is_valid()
    assert token.scope == frozenset({"a", "b"})


@pytest.mark.rule("R015")
def test_there_is_no_password_grant() -> None:
    """The package has no grant that takes a user's password (RFC 9700 §2.4)."""
    assert not [name for name in aioalf.grants.__all__ if "password" in name.lower()]


def test_every_exported_name_exists() -> None:
    """Each name in `__all__` is an attribute and is listed by `dir`."""
    assert set(aioalf.grants.__all__) <= set(dir(aioalf.grants))
    assert all(getattr(aioalf.grants, name) is not None for name in aioalf.grants.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Password'"):
        _ = aioalf.grants.Password  # type: ignore[attr-defined]
