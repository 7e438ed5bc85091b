"""The implicit flow: storages that keep the token, that are slow, or that fail."""

import asyncio

import pytest

from aioalf.errors import (
    TokenConfigurationError,
    TokenError,
)
from aioalf.implicit import (
    OAuthImplicitTokenManager,
    TokenStorage,
    use_implicit_flow,
)
from aioalf.testing import OAuthServer
from tests.compat.implicit import PORTS, client_of, manager_of, query_of, status_of
from tests.support.person import Person


async def test_stored_token_needs_no_sign_in(oauth_server: OAuthServer, person: Person) -> None:
    """A stored token is used without a sign-in until an API rejects it."""
    storage = TokenStorage()
    assert storage.save("old-token") is None
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        manager = manager_of(oauth_server)
        assert await manager.get_token() == "old-token"
        assert not person.opened
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert len(person.opened) == 1


@pytest.mark.rule("R024")
async def test_lifetime_of_zero_means_that_it_is_unknown(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The token is stored and used, so that the user need not sign in for each request."""
    oauth_server.expires_in = 0
    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    assert await manager.get_token()
    await person.done()
    assert storage.token == await manager.get_token()
    assert len(person.opened) == 1


async def test_storage_methods_may_be_coroutine_functions(
    oauth_server: OAuthServer, person: Person
) -> None:
    """All three methods of a storage may be coroutine functions."""

    class Slow(TokenStorage):
        async def save(self, token: str) -> None:
            await asyncio.sleep(0)
            self.token = token

        async def load(self) -> str | None:
            await asyncio.sleep(0)
            return self.token

        async def clean(self) -> None:
            await asyncio.sleep(0)
            self.token = None

    storage = Slow()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        await asyncio.gather(*(status_of(client, oauth_server) for _ in range(5)))
        oauth_server.revoke_all()
        statuses = await asyncio.gather(*(status_of(client, oauth_server) for _ in range(20)))
        assert statuses == [200] * 20
        assert len(person.opened) == 2
        await person.done()
        assert storage.token is not None
        manager = manager_of(oauth_server)
        await manager.reset_token()
        assert storage.token is None


@pytest.mark.rule("R032", "R051")
async def test_damaged_storage_causes_a_sign_in(
    oauth_server: OAuthServer, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """An invalid token in the storage is replaced, and appears in no header and no log."""
    storage = TokenStorage()
    assert storage.save("evil\r\nX-Injected: 1") is None
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert "not hold a valid access token" in caplog.text
    assert "Injected" not in caplog.text


async def test_token_stays_in_memory_if_save_fails(
    oauth_server: OAuthServer, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged, the token is used, and a rejection causes a new sign-in."""

    class Full(TokenStorage):
        def save(self, token: str) -> None:
            raise OSError(f"no room for {token}")

    await use_implicit_flow(Full(), PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
        assert await status_of(client, oauth_server) == 200
        assert len(person.opened) == 1
        [record] = [r for r in caplog.records if r.name == "aioalf.implicit"]
        assert record.getMessage() == (
            "The TokenStorage's save raised OSError: the token is kept in memory"
        )
        assert "no room" not in caplog.text
        oauth_server.revoke_all()
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert len(person.opened) == 2


class Breakable(TokenStorage):
    """A storage with one method that raises an exception whose text contains the token."""

    broken: str | None = None

    def token_unless_broken(self, method: str) -> str | None:
        """Return the token, unless this method is broken."""
        if self.broken == method:
            raise LookupError(f"{method} of {self.token}")
        return self.token


class Plain(Breakable):
    """Its methods are plain functions."""

    def load(self) -> str | None:
        """Return the token."""
        return self.token_unless_broken("load")

    def clean(self) -> None:
        """Delete the token."""
        self.token_unless_broken("clean")
        self.token = None


class Asynchronous(Breakable):
    """Its methods are coroutine functions."""

    async def load(self) -> str | None:
        """Return the token."""
        return self.token_unless_broken("load")

    async def clean(self) -> None:
        """Delete the token."""
        self.token_unless_broken("clean")
        self.token = None


with_both_kinds = pytest.mark.parametrize("kind", [Plain, Asynchronous])


@pytest.mark.rule("R063")
@with_both_kinds
async def test_failing_load_is_a_token_error(
    oauth_server: OAuthServer, person: Person, kind: type[Breakable]
) -> None:
    """No sign-in starts, and the text of the exception is only in the cause."""
    storage = kind()
    storage.save("secret")
    storage.broken = "load"
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenError) as caught:
            await status_of(client, oauth_server)
        assert str(caught.value) == "The TokenStorage's load raised LookupError"
        assert isinstance(caught.value.__cause__, LookupError)
        assert (person.opened, oauth_server.api_requests) == ([], 0)
        storage.broken = None
        assert await status_of(client, oauth_server) == 200
    await person.done()


@pytest.mark.rule("R063")
@with_both_kinds
async def test_stored_token_is_ignored_after_a_failing_clean(
    oauth_server: OAuthServer,
    person: Person,
    kind: type[Breakable],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A deleted token is not used again, even if the storage could not delete it."""
    storage = kind()
    storage.save("secret")
    storage.broken = "clean"
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    assert await manager.get_token() == "secret"
    await manager.reset_token()
    [record] = [r for r in caplog.records if r.name == "aioalf.implicit"]
    assert record.getMessage() == (
        "The TokenStorage's clean raised LookupError: the stored token is not used again"
    )
    assert "secret" not in caplog.text
    token = await manager.get_token()
    assert token not in {"secret", None}
    assert (await manager.get_token(), storage.token) == (token, token)
    await person.done()
    assert len(person.opened) == 1


@with_both_kinds
async def test_failing_clean_does_not_prevent_a_renewal(
    oauth_server: OAuthServer, person: Person, kind: type[Breakable]
) -> None:
    """The token of the new sign-in replaces the rejected one."""
    storage = kind()
    storage.token, storage.broken = "old-token", "clean"
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert storage.token != "old-token"
    assert len(person.opened) == 1


@pytest.mark.rule("R073")
async def test_one_storage_cannot_serve_two_scopes(
    oauth_server: OAuthServer, person: Person
) -> None:
    """A client with another scope is refused: it would get a token that it did not request."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with client_of(oauth_server, scope="a") as one, client_of(oauth_server, scope="b") as two:
        assert await status_of(one, oauth_server) == 200
        with pytest.raises(TokenConfigurationError, match="storage of its own"):
            await two.get(oauth_server.url("/things"))
    await person.done()
    assert query_of(person.opened[0])["scope"] == ["a"]


@pytest.mark.rule("R028")
async def test_equal_scopes_share_a_storage(oauth_server: OAuthServer, person: Person) -> None:
    """A scope may be a string for one client and a list for the other."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    first = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "", scope="a b")
    second = OAuthImplicitTokenManager(
        oauth_server.token_endpoint, "client-id", "", None, ["b", "a"]
    )
    assert await first.get_token() == await second.get_token()
    await person.done()
