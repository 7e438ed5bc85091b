"""Subclasses of `TokenManager` as users of 0.4.0 wrote them: called, or refused with advice."""

import asyncio
import functools
from collections.abc import Mapping
from typing import Any
from unittest.mock import AsyncMock

import pytest

from aioalf import Client, TokenConfigurationError, TokenHTTPError, TokenManager
from aioalf.caches import MemoryCache
from aioalf.grants import AuthorizationCode, ClientCredentials
from aioalf.testing import OAuthServer
from tests.support.person import Person


async def sent_token(server: OAuthServer, manager_class: type[TokenManager], **options: Any) -> str:
    """Return the Authorization header that the API got from a client with this manager."""

    class OwnClient(Client):
        token_manager_class = manager_class

    async with OwnClient(
        client_id="client-id",
        client_secret="secret",
        token_endpoint=server.token_endpoint,
        **options,
    ) as client:
        await client.request("GET", server.url("/things"))
    return server.log[-1].headers["Authorization"]


class OwnRequest(TokenManager):
    """Requests the token in its own way."""

    async def _request_token(self) -> dict[str, Any]:
        return {"access_token": "mine", "expires_in": 60}


class OwnData(TokenManager):
    """Provides the members of the token response."""

    async def _get_token_data(self) -> dict[str, Any]:
        return {"access_token": "mine", "expires_in": 60}


class Prefixed(TokenManager):
    """Changes the response of the base class."""

    responses: list[Mapping[str, Any]]

    async def _request_token(self) -> dict[str, Any]:
        response = dict(await super()._request_token())
        self.responses = [response]
        return {**response, "expires_in": int(response["expires_in"]) // 2}


@pytest.mark.parametrize("manager_class", [OwnRequest, OwnData])
async def test_an_override_is_called(
    oauth_server: OAuthServer, manager_class: type[TokenManager]
) -> None:
    """The token of the override is sent, and the token endpoint gets no request."""
    assert await sent_token(oauth_server, manager_class) == "Bearer mine"
    assert oauth_server.token_requests == 0


async def test_an_override_may_call_the_base_class(oauth_server: OAuthServer) -> None:
    """The base class returns the members of the token response, as a mapping."""
    manager = Prefixed(oauth_server.token_endpoint, "client-id", "secret")
    token = await manager.get_token()
    assert manager.responses[0]["access_token"] == token
    assert manager.responses[0]["expires_in"] == 3600
    assert manager._token is not None  # noqa: SLF001 - 0.4.0's attribute
    assert manager._token.expires_in == 1800  # noqa: SLF001 - as above
    assert oauth_server.token_requests == 1


async def test_an_override_may_use_a_grant_that_asks_a_person(oauth_server: OAuthServer) -> None:
    """The base class asks, since an override cannot tell a renewal ahead of expiry."""

    class Asking(ClientCredentials):
        is_interactive = True

    manager = Prefixed(oauth_server.token_endpoint, "client-id", "secret", grant=Asking())
    assert await manager.get_token() == manager.responses[0]["access_token"]


async def test_an_override_reads_the_arguments_of_the_manager() -> None:
    """The attributes of 0.4.0 are there, and hidden from `vars`."""

    class Reading(TokenManager):
        async def _request_token(self) -> dict[str, Any]:
            parts = (self._token_endpoint, self._client_id, self._client_secret, self._scope)
            assert self._http_options == {"timeout": 5}
            return {"access_token": "-".join(map(str, parts)).replace(":", ""), "expires_in": 60}

    manager = Reading("https://auth.example.com/token", "id", "hunter2", {"timeout": 5}, "a")
    assert await manager.get_token() == "https//auth.example.com/token-id-hunter2-a"
    assert "hunter2" not in str(vars(manager))
    without = Reading("https://auth.example.com/token", None, None)
    assert {**without._http_options} == {}  # noqa: SLF001 - 0.4.0's attribute


async def test_an_override_finds_the_token_endpoint_among_the_endpoints() -> None:
    """The attribute of 0.4.0 is the URL to use, whichever option has set it."""

    class Reading(TokenManager):
        async def _request_token(self) -> dict[str, Any]:
            return {"access_token": str(self._token_endpoint).rpartition("/")[2], "expires_in": 60}

    endpoints = {"token_endpoint": "https://auth.example.com/token"}
    assert await Reading(None, "id", "secret", endpoints=endpoints).get_token() == "token"
    manager = Reading("https://auth.example.com/other", "id", "secret", endpoints=endpoints)
    assert await manager.get_token() == "other"


@pytest.mark.parametrize("name", ["_fetch", "_update_token", "_has_token"])
def test_an_override_that_nothing_calls_is_refused(name: str) -> None:
    """Defining the class raises an error that names the method and says what to do instead."""

    async def method(self: TokenManager, *_: object, **__: object) -> None:
        """Do something of 0.4.0's."""

    with pytest.raises(TokenConfigurationError, match=rf"Mine\.{name}\(\).*Instead, \w+"):
        type("Mine", (TokenManager,), {name: method})


async def test_an_override_that_calls_fetch_is_told_what_to_do() -> None:
    """0.4.0's `_fetch` sent the token request; it no longer exists."""

    class Fetching(TokenManager):
        async def _request_token(self) -> Any:
            return await self._fetch(url=self._token_endpoint, method="POST", data={})

    with pytest.raises(TokenConfigurationError, match=r"super\(\)\._request_token"):
        await Fetching("https://auth.example.com/token", "id", "secret").get_token()


async def test_subclasses_of_subclasses_are_checked_too() -> None:
    """The error does not depend on the depth of the class hierarchy."""
    with pytest.raises(TokenConfigurationError, match="_update_token"):
        type("Deeper", (OwnRequest,), {"_update_token": None})


async def test_override_that_calls_the_base_class_keeps_the_expiry(
    oauth_server: OAuthServer,
) -> None:
    """A token from a cache has only the rest of its lifetime left."""

    class Passing(TokenManager):
        async def _get_token_data(self) -> Any:
            return await super()._get_token_data()

    cache = MemoryCache()
    arguments = (oauth_server.token_endpoint, oauth_server.client_id, oauth_server.client_secret)
    oauth_server.expires_in = 3
    first, second = TokenManager(*arguments, cache=cache), Passing(*arguments, cache=cache)
    await first.get_token()
    await asyncio.sleep(1.1)
    await second.get_token()
    assert first._token is not None  # noqa: SLF001 - nothing else shows the expiry
    assert second._token is not None  # noqa: SLF001 - as above
    assert second._token.deadline == pytest.approx(first._token.deadline, abs=0.1)  # noqa: SLF001
    assert oauth_server.token_requests == 1


async def test_attributes_that_a_subclass_sets_are_used(oauth_server: OAuthServer) -> None:
    """The next token request has the new scope, as in 0.4.0."""

    class Scoped(TokenManager):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._scope = "things:read"

    manager = Scoped(
        oauth_server.token_endpoint, oauth_server.client_id, oauth_server.client_secret
    )
    await manager.get_token()
    assert oauth_server.log[-1].form["scope"] == "things:read"


@pytest.mark.rule("R046")
async def test_refresh_token_is_not_sent_to_another_token_endpoint(
    oauth_server: OAuthServer,
) -> None:
    """A subclass may set the attribute of 0.4.0; the login belongs to the server before."""
    user = Person()
    async with OAuthServer() as other:
        manager = TokenManager(
            oauth_server.token_endpoint,
            "client-id",
            "secret",
            endpoints={"authorization_endpoint": oauth_server.authorization_endpoint},
            grant=AuthorizationCode(open_browser=user),
        )
        async with manager:
            await manager.get_token()
            manager._token_endpoint = other.token_endpoint  # noqa: SLF001 - as in 0.4.0
            await manager.reset_token()
            with pytest.raises(TokenHTTPError, match="invalid_grant"):
                await manager.get_token()
        await user.done()
        assert [set(each.form) & {"refresh_token"} for each in other.log] == [set()]


def test_overrides_of_mixins_are_checked_too() -> None:
    """A mixin before the manager overrides its methods."""

    class Mixin:
        def _has_token(self) -> bool:
            return True

    with pytest.raises(TokenConfigurationError, match=r"Mixin\._has_token\(\)"):
        type("Mixed", (Mixin, TokenManager), {})
    type("Harmless", (TokenManager, Mixin), {})


def test_override_of_the_client_that_nothing_calls_is_refused() -> None:
    """0.4.0's client sent each request through this method."""
    with pytest.raises(
        TokenConfigurationError, match=r"Own\._authorized_fetch\(\).*0\.4\.0's Client"
    ):
        type("Own", (Client,), {"_authorized_fetch": None})


@pytest.mark.rule("R063")
async def test_members_for_an_override_do_not_show_the_token(oauth_server: OAuthServer) -> None:
    """A traceback with local variables, for instance, does not show it."""
    manager = TokenManager(
        oauth_server.token_endpoint, oauth_server.client_id, oauth_server.client_secret
    )
    members = await manager._request_token()  # noqa: SLF001 - a hook
    assert members["access_token"] not in repr(members)


async def test_wrapped_override_is_called() -> None:
    """A decorator that copies the name and module of the original does not hide the override."""

    class Wrapped(TokenManager):
        @functools.wraps(TokenManager._request_token)  # noqa: SLF001 - a hook
        async def _request_token(self) -> Mapping[str, Any]:  # type: ignore[override]
            return {"access_token": "mine", "expires_in": 60}

    assert await Wrapped(None, None, None).get_token() == "mine"


class LateEndpoint(TokenManager):
    """Sets the endpoint after the constructor of the base class."""

    def __init__(self, token_endpoint: str, *arguments: Any, **options: Any) -> None:
        super().__init__(None, *arguments, **options)
        self._token_endpoint = token_endpoint


@pytest.mark.parametrize("manager_class", [OwnRequest, OwnData])
async def test_an_override_needs_no_server(
    oauth_server: OAuthServer, manager_class: type[TokenManager]
) -> None:
    """A subclass with tokens of its own is created without any argument of the base class."""

    class OwnClient(Client):
        token_manager_class = manager_class

    async with OwnClient() as client, client.get(oauth_server.url("/things")):
        assert oauth_server.log[-1].headers["Authorization"] == "Bearer mine"


async def test_a_subclass_may_set_the_endpoint_later(oauth_server: OAuthServer) -> None:
    """The constructor of a subclass decides which endpoint is used."""
    manager = LateEndpoint(
        oauth_server.token_endpoint, oauth_server.client_id, oauth_server.client_secret
    )
    assert await manager.get_token()


@pytest.mark.parametrize("name", ["_request_token", "_get_token_data", "get_token"])
async def test_a_mock_of_the_class_needs_no_server(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Tests of programs written for 0.4.0 replace a method, and have no settings."""
    result = "mine" if name == "get_token" else {"access_token": "mine", "expires_in": 60}
    monkeypatch.setattr(TokenManager, name, AsyncMock(return_value=result), raising=False)
    assert await TokenManager(None, None, None).get_token() == "mine"
