"""Tests of the messages and the spinner on standard error."""

import asyncio
import io
import re
import webbrowser
from collections.abc import Coroutine

import pytest

from aioalf._cli.terminal import Terminal
from aioalf.grants import Prompt

PROMPT = Prompt(
    user_code="WDJB-MJHT",
    verification_uri="https://auth.example.com/device",
    verification_uri_complete=None,
    expires_in=600,
)


class Stream(io.StringIO):
    """A stream with an encoding that may be a terminal."""

    def __init__(
        self, *, is_terminal: bool = True, encoding: str = "utf-8", turns: int = 3
    ) -> None:
        super().__init__()
        self._turns = turns
        self._is_terminal = is_terminal
        self._encoding = encoding
        self.turned = asyncio.Event()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding."""
        return self._encoding

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._is_terminal

    def write(self, text: str) -> int:
        """Write a text, and set `turned` after some frames of the spinner."""
        length = super().write(text)
        if self.getvalue().count("Waiting") == self._turns:
            self.turned.set()
        return length


async def written_while(stream: Stream, waiting: Coroutine[object, object, None]) -> str:
    """Return what `waiting` wrote to a stream until it was cancelled."""
    task = asyncio.create_task(waiting)
    async with asyncio.timeout(10):
        await stream.turned.wait()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return stream.getvalue()


async def test_spinner_is_shown_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """It overwrites its line, counts seconds, fits the terminal, and is removed at the end."""
    monkeypatch.setenv("COLUMNS", "30")
    stream = Stream()
    text = await written_while(stream, Terminal(stream, {"TERM": "xterm"}).wait("Waiting for you"))
    assert "\n" not in text
    *lines, last = text.split("\r\x1b[K")[1:]
    assert lines[0] == "\x1b[36m⠋\x1b[0m Waiting for you, 0 s (pre"
    assert lines[1].startswith("\x1b[36m⠙")
    assert {len(re.sub(r"\x1b\[\d+m", "", line)) for line in lines} == {27}
    assert last == ""


async def test_spinner_fits_one_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is cut, because a wrapped line could not be overwritten."""
    monkeypatch.setenv("COLUMNS", "1")
    turned = asyncio.Event()

    class Narrow(Stream):
        def write(self, text: str) -> int:
            turned.set()
            return super().write(text)

    stream = Narrow()
    task = asyncio.create_task(Terminal(stream, {"NO_COLOR": "1"}).wait("Waiting"))
    async with asyncio.timeout(10):
        await turned.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stream.getvalue() == "\r\x1b[K⠋\r\x1b[K"


async def test_no_color_keeps_the_spinner() -> None:
    """``NO_COLOR`` removes only the colors; an ASCII terminal gets an ASCII spinner."""
    stream = Stream(encoding="ascii")
    terminal = Terminal(stream, {"TERM": "xterm", "NO_COLOR": "1"})
    text = await written_while(stream, terminal.wait("Waiting"))
    assert text.startswith("\r\x1b[K| Waiting, 0 s (press Ctrl-C to cancel)\r\x1b[K/ Waiting")
    terminal.success("Done.")
    terminal.error("No.")
    assert text.encode("ascii")
    assert stream.getvalue().endswith("\r\x1b[KDone.\nError: No.\n")


@pytest.mark.parametrize(("is_terminal", "term"), [(True, "dumb"), (False, "xterm")])
async def test_other_streams_get_one_line(*, is_terminal: bool, term: str) -> None:
    """Without a terminal there is no spinner and no color."""
    stream = Stream(is_terminal=is_terminal, turns=1)
    terminal = Terminal(stream, {"TERM": term})
    text = await written_while(stream, terminal.wait("Waiting"))
    assert text == "Waiting (press Ctrl-C to cancel)\n"
    terminal.error("No.")
    assert stream.getvalue() == f"{text}Error: No.\n"


def test_terminal_gets_colors() -> None:
    """Success is green, errors are red, warnings are yellow."""
    stream = Stream()
    terminal = Terminal(stream, {"TERM": "xterm"})
    terminal.success("Done.")
    terminal.error("No.")
    terminal.warning("Perhaps.")
    terminal.info("")
    assert stream.getvalue() == (
        "\x1b[32mDone.\x1b[0m\n\x1b[31mError:\x1b[0m No.\n\x1b[33mWarning:\x1b[0m Perhaps.\n"
    )


def test_unknown_encoding_gets_ascii() -> None:
    """An unknown encoding is not an error."""
    stream = Stream(encoding="no-such-encoding")
    asyncio.run(written_while(stream, Terminal(stream, {"TERM": "xterm"}).wait("Waiting")))
    assert "|\x1b[0m Waiting" in stream.getvalue()


def test_control_characters_of_servers_are_escaped() -> None:
    """An error stays on one line."""
    stream = Stream()
    Terminal(stream, {"NO_COLOR": "1"}).error("a\x1b]0;b\nc")
    assert stream.getvalue() == "Error: a\\x1b]0;b\\nc\n"


async def test_url_is_printed_before_the_browser_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If no browser can be opened, the user can open the printed URL."""
    stream = Stream(is_terminal=False, turns=1)

    printed_before: list[str] = []

    def fail(_: str) -> bool:
        printed_before.append(stream.getvalue())
        raise webbrowser.Error("none")

    monkeypatch.setattr(webbrowser, "open", fail)
    text = await written_while(stream, Terminal(stream, {}).open_url("https://auth.example.com/a"))
    assert text.endswith("Waiting for you to sign in in the browser (press Ctrl-C to cancel)\n")
    assert len(printed_before) == 1
    assert "\n    https://auth.example.com/a\n" in printed_before[0]


async def test_spinner_turns_after_a_text_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message is shown at once, but while a text browser uses the terminal, nothing moves."""
    stream, closed, opened = Stream(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stay(_: str) -> bool:
        loop.call_soon_threadsafe(opened.set)
        asyncio.run_coroutine_threadsafe(closed.wait(), loop).result(10)
        return True

    monkeypatch.setattr("aioalf._cli.terminal._SPINNER_INTERVAL", 0.001)
    monkeypatch.setattr(webbrowser, "open", stay)
    terminal = Terminal(stream, {"NO_COLOR": "1"})
    task = asyncio.create_task(terminal.open_url("https://auth.example.com/a"))
    await opened.wait()
    await asyncio.sleep(0.05)  # time for some frames
    shown = stream.getvalue().split("\r\x1b[K")[1:]
    assert shown == ["⠋ Waiting for you to sign in in the browser (press Ctrl-C to cancel)"]
    closed.set()
    async with asyncio.timeout(10):
        await stream.turned.wait()
    task.cancel()


async def test_progress_is_shown_on_a_terminal_only_if_it_takes_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The spinner is removed before the result is written."""
    slow, fast, pipe = Stream(), Stream(), Stream(is_terminal=False)
    async with Terminal(fast, {}).progress("Waiting for a minute"):
        pass
    monkeypatch.setattr("aioalf._cli.terminal._PROGRESS_DELAY", 0)
    async with Terminal(pipe, {}).progress("Waiting for a minute"):
        await asyncio.sleep(0.001)
    async with asyncio.timeout(10), Terminal(slow, {}).progress("Waiting for a minute"):
        await slow.turned.wait()
    assert (fast.getvalue(), pipe.getvalue()) == ("", "")
    assert " Waiting for a minute, 0 s (press Ctrl-C to cancel)" in slow.getvalue()
    assert slow.getvalue().endswith("\r\x1b[K")


async def test_progress_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent or verbose command writes nothing in place of the spinner."""
    monkeypatch.setattr("aioalf._cli.terminal._PROGRESS_DELAY", 0)
    terminal = Terminal(stream := Stream(), {})
    terminal.shows_progress = False
    async with terminal.progress("Waiting"):
        await asyncio.sleep(0.001)
    assert stream.getvalue() == ""


async def test_progress_ends_with_the_error_of_the_block() -> None:
    """The error is raised unchanged."""
    with pytest.raises(ZeroDivisionError):
        async with Terminal(Stream(), {}).progress("Waiting"):
            raise ZeroDivisionError


async def test_device_prompt_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The URL, the code and the waiting message are printed."""
    stream = Stream(is_terminal=False, turns=1)
    text = await written_while(stream, Terminal(stream, {}).show_prompt(PROMPT))
    assert text == "Waiting for you to sign in (press Ctrl-C to cancel)\n"
    stderr = capsys.readouterr().err
    assert PROMPT.verification_uri in stderr
    assert PROMPT.user_code in stderr


async def test_show_url_opens_no_browser() -> None:
    """The URL is printed, and no browser is opened."""
    stream = Stream(is_terminal=False, turns=1)
    text = await written_while(stream, Terminal(stream, {}).show_url("https://auth.example.com/a"))
    assert "\n    https://auth.example.com/a\n" in text
