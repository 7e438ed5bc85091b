"""Where answers are written: as they came, but for terminals, and what is said where that fails."""

import errno
import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from aioalf.__main__ import main
from aioalf._cli.exit_codes import RequestFailedError
from aioalf._cli.output import Output, opened
from aioalf.testing import Fault, OAuthServer
from tests.cli.calls import Call
from tests.cli.conftest import Person


class Screen(io.BytesIO):
    """A terminal."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


class FullDisk(io.RawIOBase):
    """A file on a disk that has no room."""

    def writable(self) -> bool:
        """Say that it can be tried."""
        return True

    def write(self, content: object) -> int:
        """Fail."""
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def logged_in(server: OAuthServer, person: Person, call: Call) -> OAuthServer:
    """The server, somebody logged in."""
    assert call("login", "--client-id", "desktop", "--issuer", server.issuer).code == 0
    return server


@pytest.mark.parametrize(
    ("chunks", "shown"),
    [
        ([b"\x1b]0;title\x07 \x1b[2J\x00\x7f"], r"\x1b]0;title\x07 \x1b[2J\x00\x7f"),
        ([b"\xc2\x9b31m", b"a\xc2", b"\x9bb"], r"\x9b31ma\x9bb"),
        ([b"a\r\n", b"b\r", b"\nc\td\n"], "a\nb\nc\td\n"),
        ([b"hidden\rshown\r"], "hidden\nshown\n"),
        (["ä€".encode()[:1], "ä€".encode()[1:]], "ä€"),
        ([b"\xff\xfe ", b"\xe2\x82"], r"\xff\xfe \xe2\x82"),
    ],
)
def test_a_terminal_is_written_text(chunks: list[bytes], shown: str) -> None:
    """Whatever a server sends, and however it is cut, it moves no cursor and sets no title."""
    screen = Screen()
    output = Output(screen, "The screen")
    for chunk in chunks:
        output.write(chunk)
    output.end()
    assert screen.getvalue().decode(sys.stdout.encoding) == shown


@pytest.mark.parametrize("encoding", ["ascii", None])
def test_letters_that_a_terminal_has_not_are_escaped(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None
) -> None:
    """Another one that is written to by its path is taken for one of today."""
    stdout = None if encoding is None else io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    screen = Screen()
    Output(screen, "The screen").write("ä".encode())
    assert screen.getvalue() == (b"\\xe4" if encoding else "ä".encode())


def test_status_headers_and_body_are_text_on_a_terminal(
    logged_in: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of an API can do nothing there."""
    screen = Screen()
    logged_in.api_fault = Fault.body(b'{"name": "\x1b[2J"}')
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, encoding="utf-8"))
    assert main(["request", "GET", logged_in.url("/things"), "-i"]) == 0
    shown = screen.getvalue()
    assert shown.startswith(b"HTTP/1.1 200 OK\n")
    assert shown.endswith(b'\n\n{"name": "\\x1b[2J"}')


@pytest.mark.parametrize("is_request", [False, True])
def test_a_full_disk_is_exit_code_1(
    logged_in: OAuthServer, call: Call, monkeypatch: pytest.MonkeyPatch, *, is_request: bool
) -> None:
    """It is not said that the request could not be made."""
    stdout = io.TextIOWrapper(FullDisk(), encoding="utf-8")  # type: ignore[type-var] # pyright: ignore[reportArgumentType] - as a buffer
    monkeypatch.setattr(sys, "stdout", stdout)
    ended = call(*(["request", "GET", logged_in.url("/things")] if is_request else ["token"]))
    assert ended.code == 1
    assert ended.said == "Error: Standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("is_request", [False, True])
def test_standard_output_that_was_closed_is_exit_code_1(
    logged_in: OAuthServer, call: Call, monkeypatch: pytest.MonkeyPatch, *, is_request: bool
) -> None:
    """Nobody gets what was asked for."""
    monkeypatch.setattr(sys, "stdout", None)
    ended = call(*(["request", "GET", logged_in.url("/things")] if is_request else ["token"]))
    assert (ended.code, ended.said) == (1, "Error: Standard output is closed\n")


def test_a_file_is_named_that_cannot_be_written(tmp_path: Path) -> None:
    """And why."""
    path = tmp_path / "missing" / "file"
    with (
        pytest.raises(RequestFailedError, match=rf"^The file {path} cannot be written: No such"),
        opened(str(path)),
    ):
        pytest.fail("it was opened")


class Witness(io.BytesIO):
    """A file that notes what Ctrl-C would do while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: list[object] = []

    def flush(self) -> None:
        """Look."""
        self.handlers.append(signal.getsignal(signal.SIGINT))


def of_the_loop(number: int, frame: FrameType | None) -> None:
    """Wait until the event loop has time."""


@pytest.mark.parametrize(
    ("handler", "meanwhile"),
    [(of_the_loop, signal.default_int_handler), (signal.SIG_IGN, signal.SIG_IGN)],
)
def test_ctrl_c_ends_a_writing_and_is_as_before_then(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers, meanwhile: object
) -> None:
    """Unless it is ignored, as for what a shell runs in the background."""
    witness = Witness()
    before = signal.signal(signal.SIGINT, handler)
    try:
        Output(witness, "The file").write(b"text")
        assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert witness.handlers == [meanwhile]
    assert witness.getvalue() == b"text"
