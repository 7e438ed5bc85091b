"""A URL is shown to the user."""

import asyncio
import threading
import webbrowser

import pytest

from aioalf._browser.open_url import instructions, open_url
from aioalf._browser.redirect_listener import RedirectListener
from aioalf._browser.redirect_uri import RedirectUri
from aioalf.errors import TokenError
from tests.browser.listener import STATE, Browser

URL = "https://auth.example.com/authorize?client_id=desktop"


async def test_default_browser_is_looked_up_at_each_call(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A replacement of `webbrowser.open` is used, and a success is not logged."""
    opened: list[str] = []

    def open_browser(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_browser)
    await open_url(URL)
    assert opened == [URL]
    assert not caplog.records


@pytest.mark.rule("R118")
@pytest.mark.parametrize("is_own_function", [False, True])
async def test_missing_browser_is_reported(
    monkeypatch: pytest.MonkeyPatch, *, is_own_function: bool
) -> None:
    """False means that no browser could be opened; a function that returns nothing has shown it."""

    def fail(_url: str) -> bool:
        return False

    monkeypatch.setattr(webbrowser, "open", fail)
    assert await open_url(URL, fail if is_own_function else None) is False
    assert await open_url(URL, lambda _url: None) is True


async def no_browser(_url: str) -> bool:
    """Say that no browser could be opened."""
    return False


@pytest.mark.rule("R118")
async def test_instructions_are_logged_without_a_browser(caplog: pytest.LogCaptureFixture) -> None:
    """The user finds the URL in the log, and the command for a browser on another machine."""
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        waiting = asyncio.create_task(listener.sign_in(URL, STATE, no_browser))
        await browser.get(f"/?state={STATE}&code=1")
        await waiting
    assert f"open this URL in a browser on this machine:\n\n    {URL}\n" in caplog.text
    assert f"\n    ssh -L {browser.port}:127.0.0.1:{browser.port} HOST\n" in caplog.text
    assert "DeviceCode" in caplog.text


async def test_instructions_name_the_address_of_the_listener() -> None:
    """The tunnel leads to the address on which the listener is."""
    shown: list[str] = []
    async with RedirectListener(RedirectUri("::1"), awaited=("code",)) as listener:
        browser = Browser(listener)
        waiting = asyncio.create_task(listener.sign_in(URL, STATE, no_browser, shown.append))
        await browser.get(f"/?state={STATE}&code=1")
        await waiting
    assert f"ssh -L {browser.port}:[::1]:{browser.port} HOST" in shown[0]


def test_control_characters_of_a_url_are_not_shown() -> None:
    """The URL is from the server's metadata, and the text is for a terminal."""
    assert "\x1b" not in instructions("https://auth.example.com/\x1b[2J", "127.0.0.1", 8400)


async def test_default_browser_runs_in_a_daemon_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that blocks until it is closed blocks neither the event loop nor the exit."""
    threads: list[threading.Thread] = []

    def record(_url: str) -> None:
        threads.append(threading.current_thread())

    monkeypatch.setattr(webbrowser, "open", record)
    await open_url(URL)
    [thread] = threads
    assert thread.daemon


async def test_cancelled_wait_for_the_default_browser_ends_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The browser stays open, and its end is not an error."""
    loop, started, closed = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def block(_url: str) -> None:
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(started.set)
        closed.wait(5)

    monkeypatch.setattr(webbrowser, "open", block)
    opening = asyncio.create_task(open_url(URL))
    await started.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    closed.set()
    await asyncio.to_thread(threads[0].join)


async def test_plain_function_runs_in_a_thread() -> None:
    """A browser that blocks until it is closed does not block the event loop."""
    threads: list[int] = []
    await open_url(URL, lambda _: threads.append(threading.get_ident()))
    assert threads != [threading.get_ident()]


@pytest.mark.rule("R118")
async def test_coroutine_function_runs_in_the_event_loop() -> None:
    """A program may show the URL with its own coroutine function."""
    shown: list[tuple[str, object]] = []

    async def show(url: str) -> None:
        shown.append((url, asyncio.current_task()))

    await open_url(URL, show)
    await open_url(URL, lambda url: show(url))  # noqa: PLW0108 - a plain function that returns a coroutine
    assert shown == [(URL, asyncio.current_task())] * 2


async def test_object_with_async_call_runs_in_the_event_loop() -> None:
    """An object with an async `__call__` does not run in a thread."""
    started: list[str] = []

    class Window:
        async def __call__(self, url: str) -> None:
            started.append(url)
            await asyncio.Event().wait()

    showing = asyncio.create_task(open_url(URL, Window()))
    await asyncio.sleep(0)
    showing.cancel()
    await asyncio.wait({showing})
    assert started == [URL]


@pytest.mark.parametrize("is_own_function", [False, True])
async def test_exception_of_the_function_is_the_cause(
    monkeypatch: pytest.MonkeyPatch, *, is_own_function: bool
) -> None:
    """The error does not repeat the message, which may contain the URL."""

    def broken(_url: str) -> None:
        raise OSError("no display")

    monkeypatch.setattr(webbrowser, "open", broken)
    with pytest.raises(TokenError, match=r"could not be opened: OSError$") as caught:
        await open_url(URL, broken if is_own_function else None)
    assert isinstance(caught.value.__cause__, OSError)
