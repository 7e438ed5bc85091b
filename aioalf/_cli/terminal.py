"""Messages for the user on standard error: results, errors, URLs, and a spinner while waiting.

Colors and control characters are written only to a terminal. Must not write to standard output,
which is for results.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from typing import Final, TextIO

import click

from aioalf._masking import printable
from aioalf.grants._prompt import Prompt, columns_of, print_prompt

_SPINNER_INTERVAL: Final = 0.1
"""Seconds between two frames of the spinner."""
_PROGRESS_DELAY: Final = 1.0
"""Seconds before a spinner appears that would only flicker if the wait is shorter."""
_HINT: Final = "(press Ctrl-C to cancel)"
_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_SPINNER: Final = "|/-\\"
_MAX_URL: Final = 2**16
_MAX_MESSAGE: Final = 1000


class Terminal:
    """Writes messages to a stream.

    The spinner is shown only on a terminal, unless ``TERM`` is ``dumb``; so are colors, unless
    ``NO_COLOR`` is set too.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._has_spinner = stream.isatty() and environment.get("TERM") != "dumb"
        self._has_colors = self._has_spinner and not environment.get("NO_COLOR")
        self.shows_errors: bool = True
        """Whether errors and warnings are written."""
        self.shows_progress: bool = True
        """Whether `progress` shows its message."""

    def info(self, text: str) -> None:
        """Write a trusted text and a newline; nothing if the text is empty."""
        if not text:
            return
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def success(self, text: str) -> None:
        """Write a message in green."""
        self.info(self._colored(text, "green"))

    def error(self, text: str) -> None:
        """Write an error on one line, with any control characters of a server escaped."""
        self._problem(self._colored("Error:", "red"), text)

    def warning(self, text: str) -> None:
        """Write a warning in the same way as an error."""
        self._problem(self._colored("Warning:", "yellow"), text)

    def _problem(self, label: str, text: str) -> None:
        if self.shows_errors:
            self.info(f"{label} {printable(text, _MAX_MESSAGE)}")

    async def open_url(self, url: str) -> None:
        """Open a sign-in page in the browser, and wait until cancelled.

        The URL is printed as well, because the browser may open where the user cannot see it.
        """
        self._write_url(url)
        await self.wait("Waiting for you to sign in in the browser", _open_browser(url))

    async def show_url(self, url: str) -> None:
        """Print the URL of a sign-in page, and wait until cancelled."""
        self._write_url(url)
        await self.wait("Waiting for you to sign in in a browser")

    async def show_prompt(self, prompt: Prompt) -> None:
        """Print the URL and the user code of a device sign-in, and wait until cancelled."""
        print_prompt(prompt)
        await self.wait("Waiting for you to sign in")

    async def wait(self, message: str, browser: asyncio.Event | None = None) -> None:
        """Show a message with a spinner until cancelled.

        The spinner turns after the event `browser` is set, since a text browser uses the terminal.
        """
        if not self._has_spinner:
            self.info(f"{message} {_HINT}")
            await asyncio.Event().wait()
        await self._spin(message, time.monotonic(), browser)

    @asynccontextmanager
    async def progress(self, message: str) -> AsyncIterator[None]:
        """On a terminal, show a message with a spinner if the block takes some time."""
        if not (self._has_spinner and self.shows_progress):
            yield
            return
        spinning = asyncio.create_task(self._spin_later(message))
        try:
            yield
        finally:
            spinning.cancel()
            await asyncio.gather(spinning, return_exceptions=True)

    async def _spin_later(self, message: str) -> None:
        started = time.monotonic()
        await asyncio.sleep(_PROGRESS_DELAY)
        await self._spin(message, started)

    async def _spin(
        self, message: str, started: float, browser: asyncio.Event | None = None
    ) -> None:
        frames = cycle(_SPINNER if _can_encode(self._stream, _SPINNER) else _ASCII_SPINNER)
        try:
            while True:
                is_quiet = browser is None or browser.is_set()
                seconds = f", {time.monotonic() - started:.0f} s" if is_quiet else ""
                # Cut, because a wrapped line cannot be overwritten; leaves room for the ^C that
                # the terminal prints.
                text = f" {message}{seconds} {_HINT}"[: max(columns_of(self._stream) - 4, 0)]
                self._stream.write(f"\r\x1b[K{self._colored(next(frames), 'cyan')}{text}")
                self._stream.flush()
                if browser is not None:
                    await browser.wait()
                await asyncio.sleep(_SPINNER_INTERVAL)
        finally:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _write_url(self, url: str) -> None:
        self.info(
            "To sign in, open this page in a browser on this machine:\n\n"
            f"    {printable(url, _MAX_URL)}\n"
        )

    def _colored(self, text: str, color: str) -> str:
        return click.style(text, fg=color) if self._has_colors else text


def _open_browser(url: str) -> asyncio.Event:
    """Start to open a URL; return an event that is set when the browser's command has ended.

    The command of some browsers ends when the user quits the browser. In a thread of asyncio's
    executor, Ctrl-C would wait for it; a daemon thread does not keep the program alive.
    """
    loop, has_ended = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        with suppress(Exception):  # the URL was printed
            webbrowser.open(url)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(has_ended.set)

    threading.Thread(target=run, daemon=True).start()
    return has_ended


def _can_encode(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
