"""The implicit flow's hooks of 0.4.0, used as programs written for 0.4.0 use them."""

import asyncio
import re
import webbrowser
from typing import Any

import aiohttp
import pytest
from yarl import URL

import aioalf.implicit
from aioalf import implicit_manager
from aioalf.client import Client
from aioalf.errors import TokenConfigurationError
from aioalf.implicit_manager import OAuthImplictTokenManager, TokenStorage, use_implicit_flow
from aioalf.manager import TokenManager
from aioalf.testing import OAuthServer
from tests.compat.implicit import PORTS, client_of, query_of, status_of
from tests.support.mocked_responses import MockedResponses
from tests.support.person import Person

# The page's script does what scripts for 0.4.0 had to do: turn the fragment into a query.
WAIT_PAGE = """<!DOCTYPE html><html><head><title>Entrando</title>
<script>window.location.href = window.location.origin + '/?' + window.location.hash.substr(1);</script>
</head><body onload="console.log('loaded')">Aguarde</body></html>"""  # noqa: E501 - one statement
THANKS_PAGE = """<!DOCTYPE html><html><body><h1 style="color: green">Pronto!</h1>
<script>window.close();</script></body></html>"""


class Keyring:
    """A storage as in 0.4.0: any object with the three methods."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token

    def save(self, token: str) -> None:
        """Store the token."""
        self.token = token

    def load(self) -> str | None:
        """Return the token."""
        return self.token

    def clean(self) -> None:
        """Delete the token."""
        self.token = None


class PageReader:
    """A user whose browser runs the script of `WAIT_PAGE`; keeps the pages that were shown."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, url: str) -> None:
        """Return at once, as opening a browser does."""
        self._tasks.append(asyncio.create_task(self._sign_in(url)))

    async def done(self) -> None:
        """Wait until all pages have been shown."""
        await asyncio.gather(*self._tasks)

    async def _sign_in(self, url: str) -> None:
        redirect_uri, state = (query_of(url)[name][0] for name in ("redirect_uri", "state"))
        fragment = f"access_token=token-of-the-user&token_type=Bearer&state={state}"
        async with aiohttp.ClientSession() as session:
            for address in (f"{redirect_uri}/", f"{redirect_uri}/?{fragment}"):
                async with session.get(address) as page:
                    self.pages.append(await page.text())


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, person: Person) -> Person:
    """Let the user sign in in the default browser: 0.4.0 could open no other."""
    monkeypatch.setattr(webbrowser, "open", person)
    return person


def test_names_of_0_4_0_can_be_imported() -> None:
    """The module of 0.4.0 has all of its names, and `aioalf.implicit` the same objects."""
    for name in ("OAuthImplictTokenManager", "TokenStorage", "use_implicit_flow"):
        assert getattr(implicit_manager, name) is getattr(aioalf.implicit, name)
    assert OAuthImplictTokenManager is implicit_manager.OAuthImplicitTokenManager
    for page in (implicit_manager.DEFAULT_PAGE, implicit_manager.CLOSE_PAGE):
        assert "<html" in str(page)


async def test_manager_made_by_hand_uses_its_storage(
    oauth_server: OAuthServer, browser: Person
) -> None:
    """A storage set on the manager is enough; the default ports are used."""
    manager = OAuthImplictTokenManager(oauth_server.token_endpoint, "client-id", "")
    manager.storage = TokenStorage()

    token = await manager.get_token()

    assert manager.storage.token == token
    assert await manager.get_token() == token
    await browser.done()
    [url] = browser.opened
    port = int(query_of(url)["redirect_uri"][0].rpartition(":")[2])
    assert 32000 <= port <= 32009
    assert Client.token_manager_class is TokenManager


async def test_storage_may_be_replaced_at_any_time() -> None:
    """The manager reads the storage that it has now, as in 0.4.0."""
    manager = OAuthImplictTokenManager("https://auth.example.com/token", "client-id", "")
    first, second = Keyring("first"), Keyring("second")
    for keyring in (first, second):
        manager.storage = keyring
        assert await manager.get_token() == keyring.token
    await manager.reset_token()
    assert (first.token, second.token) == ("first", None)


async def test_storage_may_be_a_class_attribute(aioresponses: MockedResponses) -> None:
    """A subclass has its own storage, and a subclass of `Client` uses it."""

    class KeyringTokenManager(OAuthImplictTokenManager):
        storage = Keyring("stored")

    class KeyringClient(Client):
        token_manager_class = KeyringTokenManager

    aioresponses.get("https://api.example.com/things")
    async with KeyringClient("client-id", "", "https://auth.example.com/token") as client:
        await client.get("https://api.example.com/things")
    [sent] = aioresponses.requests["GET", URL("https://api.example.com/things")]
    assert sent.kwargs["headers"]["Authorization"] == "Bearer stored"


async def test_storage_may_be_set_on_the_class_after_the_manager_was_made() -> None:
    """0.4.0 read the class attribute at each access."""
    manager = OAuthImplictTokenManager("https://auth.example.com/token", "client-id", "")
    OAuthImplictTokenManager.storage = Keyring("stored")
    assert await manager.get_token() == "stored"


@pytest.mark.rule("R070")
async def test_managers_with_the_same_storage_share_one_sign_in(
    oauth_server: OAuthServer, browser: Person
) -> None:
    """A storage set by hand is shared too, and refused for a client with another client_id."""
    storage = TokenStorage()
    first, second = (
        OAuthImplictTokenManager(oauth_server.token_endpoint, "client-id", "") for _ in range(2)
    )
    first.storage = second.storage = storage
    assert await first.get_token() == await second.get_token()
    await browser.done()
    assert len(browser.opened) == 1
    other = OAuthImplictTokenManager(oauth_server.token_endpoint, "other-id", "")
    other.storage = storage
    with pytest.raises(TokenConfigurationError, match="storage of its own"):
        await other.get_token()


async def test_storage_is_readable_after_use_implicit_flow() -> None:
    """The class and its managers have the storage; a later call does not change managers."""
    one, two = TokenStorage(), TokenStorage()
    await use_implicit_flow(one)
    manager = OAuthImplictTokenManager("https://auth.example.com/token", "client-id", "")
    await use_implicit_flow(two)
    assert manager.storage is one
    assert OAuthImplictTokenManager.storage is two


@pytest.mark.rule("R105")
@pytest.mark.parametrize("method", ["get_token", "reset_token", "logout"])
async def test_manager_without_a_storage_says_how_to_set_one(method: str) -> None:
    """The first use raises, and names both ways to set a storage."""
    manager = OAuthImplictTokenManager("https://auth.example.com/token", "client-id", "")
    with pytest.raises(TokenConfigurationError, match=r"use_implicit_flow.*`storage` attribute"):
        await getattr(manager, method)()


async def test_invalid_storage_is_refused_on_first_use() -> None:
    """The error has the same text as in `use_implicit_flow`."""
    manager = OAuthImplictTokenManager("https://auth.example.com/token", "client-id", "")
    manager.storage = TokenStorage  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TokenConfigurationError, match=r"TokenStorage\(\)"):
        await manager.get_token()


@pytest.mark.rule("R106", "R107")
async def test_pages_of_the_program_are_shown(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages set after `use_implicit_flow` are served at the next sign-in, as in 0.4.0."""
    reader = PageReader()
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=reader)
    monkeypatch.setattr(implicit_manager, "DEFAULT_PAGE", WAIT_PAGE)
    monkeypatch.setattr(implicit_manager, "CLOSE_PAGE", THANKS_PAGE)
    manager = OAuthImplictTokenManager(oauth_server.token_endpoint, "client-id", "")

    assert await manager.get_token() == "token-of-the-user"

    await reader.done()
    assert reader.pages[0] == WAIT_PAGE
    cleared = re.sub("<script>history.*?</script>", "", reader.pages[1])
    assert cleared == THANKS_PAGE


async def test_close_page_alone_may_be_set(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, browser: Person
) -> None:
    """A page in the user's language follows the library's own sign-in page."""
    monkeypatch.setattr(implicit_manager, "CLOSE_PAGE", THANKS_PAGE)
    await use_implicit_flow(TokenStorage(), PORTS)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
    await browser.done()
    assert browser.outcomes == ["signed-in"]


async def test_page_that_cannot_work_is_refused_by_use_implicit_flow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page without a script cannot pass on the token, and the error says so at once."""
    monkeypatch.setattr(implicit_manager, "DEFAULT_PAGE", "<h1>Aguarde</h1>")
    with pytest.raises(TokenConfigurationError, match="DEFAULT_PAGE has no inline script"):
        await use_implicit_flow(TokenStorage(), PORTS)


async def test_page_that_cannot_work_is_refused_at_the_sign_in(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, browser: Person
) -> None:
    """The check also covers pages that are set later; no browser opens."""
    await use_implicit_flow(TokenStorage(), PORTS)
    monkeypatch.setattr(implicit_manager, "DEFAULT_PAGE", 404)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenConfigurationError, match="DEFAULT_PAGE must be an HTML document"):
            await status_of(client, oauth_server)
    assert not browser.opened


async def test_override_of_ask_for_token_is_called() -> None:
    """A subclass may get the token in its own way, and return a mapping as in 0.4.0."""
    keyring = Keyring()

    class ScriptedManager(OAuthImplictTokenManager):
        storage = keyring

        async def _ask_for_token(self) -> dict[str, Any]:
            return {"access_token": "scripted", "token_type": None, "expires_in": "3600"}

    assert await ScriptedManager("https://auth.example.com/token", "id", "").get_token() == (
        "scripted"
    )
    assert keyring.token == "scripted"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("_get_stored_token", r"override load\(\)"),
        ("_retrieve_token", r"_ask_for_token\(\)"),
        ("_shall_open_browser", "pass open_browser"),
    ],
)
def test_override_that_would_be_ignored_is_refused(name: str, advice: str) -> None:
    """Making the subclass raises an error that says what to override instead."""
    with pytest.raises(TokenConfigurationError, match=rf"Mine\.{name} .* {advice}"):
        type("Mine", (OAuthImplictTokenManager,), {name: print})
