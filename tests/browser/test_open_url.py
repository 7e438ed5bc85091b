"""How a URL is shown to a person."""

import asyncio
import logging
import threading
import webbrowser

import pytest

from aioalf._browser.open_url import open_url

URL = "https://auth.example.com/authorize?client_id=desktop"


async def test_the_default_browser_is_looked_up_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What a program puts in place of `webbrowser.open` is used, and a success is not logged."""
    opened: list[str] = []

    def open_browser(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_browser)
    await open_url(URL)
    assert opened == [URL]
    assert not caplog.records


@pytest.mark.rule("R118")
async def test_a_url_that_nobody_could_show_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a browser the person reads the URL in the log."""

    def no_browser(_url: str) -> bool:
        return False

    monkeypatch.setattr(webbrowser, "open", no_browser)
    with caplog.at_level(logging.WARNING):
        await open_url(URL)
    assert URL in caplog.text


async def test_a_plain_function_runs_in_a_thread() -> None:
    """A text browser, which returns when it is left, holds up nobody."""
    threads: list[int] = []
    await open_url(URL, lambda _: threads.append(threading.get_ident()))
    assert threads != [threading.get_ident()]


@pytest.mark.rule("R118")
async def test_a_coroutine_function_runs_in_the_loop() -> None:
    """A program may hand the URL on in its own way."""
    handed: list[tuple[str, object]] = []

    async def hand_on(url: str) -> None:
        handed.append((url, asyncio.current_task()))

    await open_url(URL, hand_on)
    await open_url(URL, lambda url: hand_on(url))  # noqa: PLW0108 - not a coroutine function itself
    assert handed == [(URL, asyncio.current_task())] * 2


async def test_an_object_that_is_called_as_one_is_a_coroutine_function() -> None:
    """It begins in the loop at once: no coroutine is made in a thread that nobody awaits then."""
    begun: list[str] = []

    class Window:
        async def __call__(self, url: str) -> None:
            begun.append(url)
            await asyncio.Event().wait()

    showing = asyncio.create_task(open_url(URL, Window()))
    await asyncio.sleep(0)
    showing.cancel()
    await asyncio.wait({showing})
    assert begun == [URL]


async def test_what_opening_raises_comes_through() -> None:
    """The caller says what a failure means."""

    def broken(_url: str) -> None:
        raise OSError("no display")

    with pytest.raises(OSError, match="no display"):
        await open_url(URL, broken)
