"""A refresh token that was got elsewhere."""

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
    """One that a login left."""
    server.auto_sign_in = "Ada"
    given: list[str] = []

    class Keeping(ServerSource):
        async def _send(self, url: Any, form: Any) -> Any:
            members = await super()._send(url, form)
            given.append(str(members["refresh_token"]))
            return members

    visitor = Visitor()
    await AuthorizationCode(open_browser=visitor).request_token(Keeping(server))
    await visitor.done()
    return given[0]


async def test_a_refresh_token_gets_a_token(oauth_server: OAuthServer) -> None:
    """It is sent once, and nothing is repeated: it may be good once."""
    refresh_token = await refresh_token_of(oauth_server)
    source = ServerSource(oauth_server)
    token = await RefreshToken(refresh_token).request_token(source)
    assert token.is_valid()
    assert source.forms == [{"grant_type": "refresh_token", "refresh_token": refresh_token}]
    assert source.repeatable == [False]


async def test_a_refresh_token_that_was_used_is_an_error(oauth_server: OAuthServer) -> None:
    """The server's word says so."""
    grant = RefreshToken(await refresh_token_of(oauth_server))
    source = ServerSource(oauth_server)
    await grant.request_token(source)
    with pytest.raises(TokenHTTPError) as caught:
        await grant.request_token(source)
    assert caught.value.error == "invalid_grant"


async def test_a_callable_is_asked_each_time() -> None:
    """A plain function and a coroutine function."""
    tokens = ["a", "b"]

    async def later() -> str:
        return tokens.pop(0)

    source = ScriptedSource()
    grant = RefreshToken(lambda: tokens.pop(0))
    await grant.request_token(source)
    await RefreshToken(later).request_token(source)
    assert [form["refresh_token"] for form in source.forms] == ["a", "b"]


@pytest.mark.parametrize("token", ["", None, 5, b"abc", "\ud800"], ids=in_ascii)
def test_a_refresh_token_that_is_no_text_is_told_when_the_grant_is_made(token: Any) -> None:
    """And not repeated in the message."""
    with pytest.raises(TokenConfigurationError, match="token must be text, and not empty"):
        RefreshToken(token)


@pytest.mark.parametrize("given", ["", None, 5, "\ud800"], ids=in_ascii)
async def test_a_callable_that_returns_no_text_is_a_configuration_error(given: Any) -> None:
    """Nothing is sent."""
    source = ScriptedSource()
    with pytest.raises(TokenConfigurationError, match="token must be text, and not empty"):
        await RefreshToken(lambda: given).request_token(source)
    assert not source.forms


async def test_a_callable_that_raises_is_an_error_without_its_words() -> None:
    """Which may hold the token; they are in the cause."""

    def broken() -> str:
        raise OSError("s3cret")

    with pytest.raises(TokenError) as caught:
        await RefreshToken(broken).request_token(ScriptedSource())
    assert "s3cret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_grant_that_holds_a_secret_neither_shows_nor_pickles_it() -> None:
    """Nor can it begin anew: the token was given."""
    grant = RefreshToken("s3cret")
    assert "s3cret" not in repr(grant)
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(grant)
    assert grant.name == "refresh_token"
    assert not grant.can_begin
    assert grant.keeps_refresh_token
