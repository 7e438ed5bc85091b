"""The client credentials grant, and what the package of grants exports."""

import pytest

import aioalf.grants
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.grants import ClientCredentials
from aioalf.testing import OAuthServer
from tests.grants.source import ScriptedSource, ServerSource


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
    source = ServerSource(oauth_server, TokenRequestParams("a b"))
    token = await ClientCredentials().request_token(source)
    assert token.is_valid()
    assert token.scope == frozenset({"a", "b"})


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
