"""How a URL is shown to the user."""

import asyncio
import logging
import threading
import webbrowser

import pytest

from aioalf._browser.open_url import open_url
from aioalf.errors import TokenError

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
async def test_url_is_logged_without_a_browser(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If no browser can be opened, the user finds the URL in the log."""

    def no_browser(_url: str) -> bool:
        return False

    monkeypatch.setattr(webbrowser, "open", no_browser)
    with caplog.at_level(logging.WARNING):
        await open_url(URL)
    assert URL in caplog.text


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


async def test_exception_of_the_function_is_the_cause() -> None:
    """The error does not repeat the message, which may contain the URL."""

    def broken(_url: str) -> None:
        raise OSError("no display")

    with pytest.raises(TokenError, match=r"could not be opened: OSError$") as caught:
        await open_url(URL, broken)
    assert isinstance(caught.value.__cause__, OSError)
