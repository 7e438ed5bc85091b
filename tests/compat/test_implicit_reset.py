"""The implicit flow: `reset_token` and `logout` while the storage is in use."""

import asyncio

import pytest

from aioalf.errors import (
    TokenError,
)
from aioalf.implicit import (
    TokenStorage,
    use_implicit_flow,
)
from aioalf.testing import OAuthServer
from tests.compat.implicit import PORTS, client_of, manager_of, status_of
from tests.support.person import Person


async def test_reset_during_a_save_deletes_the_token(
    oauth_server: OAuthServer, person: Person
) -> None:
    """A save in progress cannot restore a token that was reset."""
    saving, proceed = asyncio.Event(), asyncio.Event()

    class Slow(TokenStorage):
        async def save(self, token: str) -> None:
            saving.set()
            await proceed.wait()
            self.token = token

    storage = Slow()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    waiting = asyncio.create_task(manager.get_token())
    await saving.wait()
    reset = asyncio.create_task(manager.reset_token())
    await asyncio.sleep(0)
    proceed.set()
    await reset
    assert storage.token is None
    assert await waiting
    await person.done()
    assert storage.token is None


@pytest.mark.rule("R083")
async def test_token_loaded_before_a_reset_is_not_used(
    oauth_server: OAuthServer, person: Person
) -> None:
    """A load that started before a reset does not return the old token after it."""
    loaded, proceed = asyncio.Event(), asyncio.Event()

    class Slow(TokenStorage):
        async def load(self) -> str | None:
            token = self.token
            loaded.set()
            await proceed.wait()
            return token

    storage = Slow()
    storage.save("old")
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    early = asyncio.create_task(manager.renew_token("older"))
    await loaded.wait()
    await manager.reset_token()
    proceed.set()
    assert "old" not in {await early, await manager.get_token()}
    await person.done()


@pytest.mark.rule("R160")
async def test_logout_empties_the_storage_and_ends_the_sign_in(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The storage is emptied even if the logout is cancelled; the next request signs in again."""

    class Slow(TokenStorage):
        cleaning, proceed = asyncio.Event(), asyncio.Event()

        async def clean(self) -> None:
            self.cleaning.set()
            await self.proceed.wait()
            self.token = None

    storage = Slow()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
        logging_out = asyncio.create_task(client.logout())
        await storage.cleaning.wait()
        logging_out.cancel()
        await asyncio.sleep(0)
        storage.proceed.set()
        await asyncio.wait([logging_out])
        assert logging_out.cancelled()
        assert storage.token is None
        assert await status_of(client, oauth_server) == 200
        await client.logout()
        opened = asyncio.Event()
        await use_implicit_flow(storage, PORTS, open_browser=lambda _: opened.set())
    async with client_of(oauth_server) as client:
        waiting = asyncio.create_task(status_of(client, oauth_server))
        await opened.wait()
        await client.logout()
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await waiting
    await person.done()
    assert oauth_server.logins == 2


async def test_cancelled_reset_keeps_the_token(oauth_server: OAuthServer, person: Person) -> None:
    """If a reset is cancelled, the token and its lifetime are kept."""

    class Stuck(TokenStorage):
        cleaning = asyncio.Event()

        async def clean(self) -> None:
            self.cleaning.set()
            await asyncio.Event().wait()

    storage = Stuck()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    token = await manager.get_token()
    before = repr(manager)
    reset = asyncio.create_task(manager.reset_token())
    await storage.cleaning.wait()
    assert repr(manager) == before
    reset.cancel()
    await asyncio.wait([reset])
    assert repr(manager) == before
    assert await manager.get_token() == token
    await person.done()


async def test_token_deleted_by_the_program_causes_a_sign_in(
    oauth_server: OAuthServer, person: Person
) -> None:
    """A program can sign its user out by `clean()` of the storage."""
    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        await status_of(client, oauth_server)
        assert storage.clean() is None
        await status_of(client, oauth_server)
    await person.done()
    assert len(person.opened) == 2


async def test_sign_in_during_a_slow_reset_is_kept(
    oauth_server: OAuthServer, person: Person
) -> None:
    """A reset forgets the old token, not the one of a sign-in that follows."""
    cleaning, proceed = asyncio.Event(), asyncio.Event()

    class Slow(TokenStorage):
        async def clean(self) -> None:
            cleaning.set()
            await proceed.wait()
            self.token = None

    await use_implicit_flow(Slow(), PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    await manager.get_token()
    reset = asyncio.create_task(manager.reset_token())
    await cleaning.wait()
    second = asyncio.create_task(manager.get_token())
    await oauth_server.reached(logins=2)
    await person.done()
    proceed.set()
    await reset
    assert await manager.get_token() == await second
    assert len(person.opened) == 2


async def test_failed_save_does_not_restore_a_reset_token(
    oauth_server: OAuthServer, person: Person
) -> None:
    """If a save fails after a reset, the token is not kept in memory."""
    saving, proceed = asyncio.Event(), asyncio.Event()

    class Failing(TokenStorage):
        async def save(self, token: str) -> None:
            saving.set()
            await proceed.wait()
            raise OSError("disk full")

    await use_implicit_flow(Failing(), PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    waiting = asyncio.create_task(manager.get_token())
    await saving.wait()
    reset = asyncio.create_task(manager.reset_token())
    await asyncio.sleep(0)
    proceed.set()
    first = await waiting
    await reset
    assert await manager.get_token() != first
    await person.done()
