"""What a person sees: sentences, and a line that turns, where there is a terminal for it."""

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
    """A stream that somebody may look at, in an encoding."""

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
        """Whether somebody looks."""
        return self._is_terminal

    def write(self, text: str) -> int:
        """Take a text, and note when so many of that kind have come."""
        length = super().write(text)
        if self.getvalue().count("Waiting") == self._turns:
            self.turned.set()
        return length


async def shown(stream: Stream, showing: Coroutine[object, object, None]) -> str:
    """What is on a stream once a person has been waited for."""
    task = asyncio.create_task(showing)
    async with asyncio.timeout(10):
        await stream.turned.wait()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return stream.getvalue()


async def test_a_line_turns_while_somebody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written over itself, counts the seconds, fits the terminal, and leaves nothing."""
    monkeypatch.setenv("COLUMNS", "30")
    stream = Stream()
    text = await shown(stream, Terminal(stream, {"TERM": "xterm"}).wait("Waiting for you"))
    assert "\n" not in text
    *lines, last = text.split("\r\x1b[K")[1:]
    assert lines[0] == "\x1b[36m⠋\x1b[0m Waiting for you, 0 s (Ctr"
    assert lines[1].startswith("\x1b[36m⠙")
    assert {len(re.sub(r"\x1b\[\d+m", "", line)) for line in lines} == {27}
    assert last == ""


async def test_a_terminal_of_a_single_column_shows_a_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that wraps would not be written over."""
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


async def test_who_wants_no_colours_gets_none() -> None:
    """`NO_COLOR` leaves the line that turns, and a terminal without such letters gets ASCII."""
    stream = Stream(encoding="ascii")
    terminal = Terminal(stream, {"TERM": "xterm", "NO_COLOR": "1"})
    text = await shown(stream, terminal.wait("Waiting"))
    assert text.startswith("\r\x1b[K| Waiting, 0 s (Ctrl-C ends it)\r\x1b[K/ Waiting")
    terminal.good("Done.")
    terminal.error("No.")
    assert text.encode("ascii")
    assert stream.getvalue().endswith("\r\x1b[KDone.\nError: No.\n")


@pytest.mark.parametrize(("is_terminal", "term"), [(True, "dumb"), (False, "xterm")])
async def test_what_is_no_terminal_gets_one_line(*, is_terminal: bool, term: str) -> None:
    """Nothing turns there, and nothing has a colour."""
    stream = Stream(is_terminal=is_terminal, turns=1)
    terminal = Terminal(stream, {"TERM": term})
    text = await shown(stream, terminal.wait("Waiting"))
    assert text == "Waiting (Ctrl-C ends it)\n"
    terminal.error("No.")
    assert stream.getvalue() == f"{text}Error: No.\n"


def test_a_terminal_gets_colours() -> None:
    """Good news is green, errors red, warnings yellow."""
    stream = Stream()
    terminal = Terminal(stream, {"TERM": "xterm"})
    terminal.good("Done.")
    terminal.error("No.")
    terminal.warning("Perhaps.")
    terminal.say("")
    assert stream.getvalue() == (
        "\x1b[32mDone.\x1b[0m\n\x1b[31mError:\x1b[0m No.\n\x1b[33mWarning:\x1b[0m Perhaps.\n"
    )


def test_an_encoding_that_nobody_knows_gets_ascii() -> None:
    """Nothing fails for the sake of a sign."""
    stream = Stream(encoding="unheard-of")
    asyncio.run(shown(stream, Terminal(stream, {"TERM": "xterm"}).wait("Waiting")))
    assert "|\x1b[0m Waiting" in stream.getvalue()


def test_what_servers_say_is_harmless() -> None:
    """Escapes are shown as text, on one line."""
    stream = Stream()
    Terminal(stream, {"NO_COLOR": "1"}).error("a\x1b]0;b\nc")
    assert stream.getvalue() == "Error: a\\x1b]0;b\\nc\n"


async def test_the_page_is_shown_before_a_browser_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a browser that cannot be opened is no error: the URL is there to be opened by hand."""
    stream = Stream(is_terminal=False, turns=1)

    def fail(url: str) -> bool:
        assert f"\n    {url}\n" in stream.getvalue()
        raise webbrowser.Error("none")

    monkeypatch.setattr(webbrowser, "open", fail)
    text = await shown(stream, Terminal(stream, {}).show_page("https://auth.example.com/a"))
    assert text.endswith("Waiting for you to sign in in the browser (Ctrl-C ends it)\n")


async def test_a_browser_that_stays_open_is_not_written_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a text browser has the terminal, no line turns in it; a late end of it is no error."""
    stream, left, opened = Stream(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stay(_: str) -> bool:
        loop.call_soon_threadsafe(opened.set)
        asyncio.run_coroutine_threadsafe(left.wait(), loop).result(10)
        return True

    monkeypatch.setattr(webbrowser, "open", stay)
    task = asyncio.create_task(Terminal(stream, {}).show_page("https://auth.example.com/a"))
    await opened.wait()
    assert "Waiting" not in stream.getvalue()
    left.set()
    async with asyncio.timeout(10):
        await stream.turned.wait()
    task.cancel()


async def test_where_to_sign_in_on_another_device_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Page and code, and that somebody is waited for."""
    stream = Stream(is_terminal=False, turns=1)
    text = await shown(stream, Terminal(stream, {}).show_prompt(PROMPT))
    assert text == "Waiting for you to sign in (Ctrl-C ends it)\n"
    said = capsys.readouterr().err
    assert PROMPT.verification_uri in said
    assert PROMPT.user_code in said


async def test_a_page_can_be_shown_alone() -> None:
    """Then it is somebody else who opens it."""
    stream = Stream(is_terminal=False, turns=1)
    text = await shown(stream, Terminal(stream, {}).show_page_only("https://auth.example.com/a"))
    assert "\n    https://auth.example.com/a\n" in text
