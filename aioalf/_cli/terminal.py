"""What a person at the terminal sees: sentences, and a sign that something is waited for.

All of it goes to standard error. It knows one stream; what is no terminal gets no control
characters.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TextIO

import click

from aioalf._redaction import printable
from aioalf.grants._prompt import Prompt, columns_of, print_prompt

_TURN: Final = 0.1
_SIGNS: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_SIGNS: Final = "|/-\\"
_MAX_URL: Final = 2**16
_MAX_SENTENCE: Final = 1000


class Terminal:
    """Writes to a stream.

    Only where it is a terminal that is not ``dumb``, a line turns while somebody is waited for;
    there are colours, unless ``NO_COLOR`` is set.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._is_live = stream.isatty() and environment.get("TERM") != "dumb"
        self._is_coloured = self._is_live and not environment.get("NO_COLOR")

    def say(self, text: str) -> None:
        """Write a text of ours, a line end after it; nothing for no text."""
        if not text:
            return
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def good(self, text: str) -> None:
        """Write what went well."""
        self.say(self._styled(text, "green"))

    def error(self, text: str) -> None:
        """Write what went wrong, on one line, whatever a server put in it."""
        self.say(f"{self._styled('Error:', 'red')} {printable(text, _MAX_SENTENCE)}")

    def warning(self, text: str) -> None:
        """Write what may go wrong, as an error is written."""
        self.say(f"{self._styled('Warning:', 'yellow')} {printable(text, _MAX_SENTENCE)}")

    async def show_page(self, url: str) -> None:
        """Show the page of a login in the browser, and wait until this is cancelled.

        The URL is written, too, for a browser may open where nobody sees it.
        """
        self._write_url(url)
        await _open_browser(url)
        await self.wait("Waiting for you to sign in in the browser")

    async def show_page_only(self, url: str) -> None:
        """Show the page's URL, and wait until this is cancelled."""
        self._write_url(url)
        await self.wait("Waiting for you to sign in in a browser")

    async def show_prompt(self, prompt: Prompt) -> None:
        """Show where to sign in with what code, and wait until this is cancelled."""
        print_prompt(prompt)
        await self.wait("Waiting for you to sign in")

    async def wait(self, what: str) -> None:
        """Show that something is waited for, until this is cancelled."""
        if not self._is_live:
            self.say(f"{what} (Ctrl-C ends it)")
            await asyncio.Event().wait()
        signs = _SIGNS if _can_say(self._stream, _SIGNS) else _ASCII_SIGNS
        began, turn = time.monotonic(), 0
        try:
            while True:
                sign = self._styled(signs[turn % len(signs)], "cyan")
                rest = f" {what}, {time.monotonic() - began:.0f} s (Ctrl-C ends it)"
                # A line that wraps stays, and the terminal writes ^C behind it.
                width = max(columns_of(self._stream) - 4, 0)
                self._stream.write(f"\r\x1b[K{sign}{rest[:width]}")
                self._stream.flush()
                await asyncio.sleep(_TURN)
                turn += 1
        finally:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _write_url(self, url: str) -> None:
        self.say(
            "To sign in, open this page in a browser on this machine:\n\n"
            f"    {printable(url, _MAX_URL)}\n"
        )

    def _styled(self, text: str, colour: str) -> str:
        return click.style(text, fg=colour) if self._is_coloured else text


async def _open_browser(url: str) -> None:
    # A text browser comes back when it is left; a thread of asyncio's would keep Ctrl-C waiting.
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        with suppress(Exception):  # the URL is shown anyway
            webbrowser.open(url)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=work, daemon=True).start()
    await done.wait()


def _can_say(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
