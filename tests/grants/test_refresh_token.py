"""The grant for a refresh token that the caller already has."""

import pickle
from typing import Any

import pytest

from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.grants import AuthorizationCode, RefreshToken
from aioalf.testing import OAuthServer
from tests.grants.source import ScriptedSource, ServerSource
from tests.grants.visitor import Visitor
from tests.support.identity import in_ascii


async def refresh_token_of(server: OAuthServer) -> str:
    """Sign in and return the refresh token."""
    server.auto_sign_in = "Ada"
    given: list[str] = []

    class Recording(ServerSource):
        async def _send(self, url: Any, form: Any) -> Any:
            members = await super()._send(url, form)
            given.append(str(members["refresh_token"]))
            return members

    visitor = Visitor()
    await AuthorizationCode(open_browser=visitor).request_token(Recording(server))
    await visitor.done()
    return given[0]


async def test_refresh_token_returns_a_token(oauth_server: OAuthServer) -> None:
    """The request is not repeatable, because the refresh token may be single-use."""
    refresh_token = await refresh_token_of(oauth_server)
    source = ServerSource(oauth_server)
    token = await RefreshToken(refresh_token).request_token(source)
    assert token.is_valid()
    assert source.forms == [{"grant_type": "refresh_token", "refresh_token": refresh_token}]
    assert source.repeatable == [False]


async def test_used_refresh_token_raises(oauth_server: OAuthServer) -> None:
    """The error carries the server's error code, invalid_grant."""
    grant = RefreshToken(await refresh_token_of(oauth_server))
    source = ServerSource(oauth_server)
    await grant.request_token(source)
    with pytest.raises(TokenHTTPError) as caught:
        await grant.request_token(source)
    assert caught.value.error == "invalid_grant"


async def test_function_is_called_for_each_token() -> None:
    """The refresh token can come from a plain function or a coroutine function."""
    tokens = ["a", "b"]

    async def current() -> str:
        return tokens.pop(0)

    source = ScriptedSource()
    grant = RefreshToken(lambda: tokens.pop(0))
    await grant.request_token(source)
    await RefreshToken(current).request_token(source)
    assert [form["refresh_token"] for form in source.forms] == ["a", "b"]


@pytest.mark.parametrize("token", ["", None, 5, b"abc", "\ud800"], ids=in_ascii)
def test_refresh_token_that_is_not_text_is_refused(token: Any) -> None:
    """The constructor raises."""
    with pytest.raises(TokenConfigurationError, match="token must be text, and not empty"):
        RefreshToken(token)


@pytest.mark.parametrize("given", ["", None, 5, "\ud800"], ids=in_ascii)
async def test_function_must_return_text(given: Any) -> None:
    """The error is raised before anything is sent."""
    source = ScriptedSource()
    with pytest.raises(TokenConfigurationError, match="token must be text, and not empty"):
        await RefreshToken(lambda: given).request_token(source)
    assert not source.forms


async def test_error_of_function_is_not_quoted() -> None:
    """The original error is the cause; its text may hold the token and is not repeated."""

    def broken() -> str:
        raise OSError("s3cret")

    with pytest.raises(TokenError) as caught:
        await RefreshToken(broken).request_token(ScriptedSource())
    assert "s3cret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_refresh_token_is_not_in_repr_and_cannot_be_pickled() -> None:
    """The grant hides its token, and cannot start again without a new one."""
    grant = RefreshToken("s3cret")
    assert "s3cret" not in repr(grant)
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(grant)
    assert grant.name == "refresh_token"
    assert not grant.can_begin
    assert grant.keeps_refresh_token
