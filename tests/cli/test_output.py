"""Tests of writing responses: unchanged bytes to files, escaped text to terminals, errors."""

import errno
import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from aioalf.__main__ import main
from aioalf._cli.exit_codes import RequestFailedError
from aioalf._cli.output import Output, open_output
from aioalf.testing import Fault, OAuthServer
from tests.cli.run_command import Run


class TerminalOutput(io.BytesIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


class FullDisk(io.RawIOBase):
    """A file on a disk that is full at first."""

    is_full = True

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, content: Any) -> int:
        """Raise ENOSPC if the disk is full; otherwise drop the content."""
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(content)


@pytest.mark.parametrize(
    ("chunks", "shown"),
    [
        ([b"\x1b]0;title\x07 \x1b[2J\x00\x7f"], r"\x1b]0;title\x07 \x1b[2J\x00\x7f"),
        ([b"\xc2\x9b31m", b"a\xc2", b"\x9bb"], r"\x9b31ma\x9bb"),
        ([b"a\r\n", b"b\r", b"\nc\td\n"], "a\nb\nc\td\n"),
        ([b"hidden\rshown\r"], "hidden\nshown\n"),
        (["ä€".encode()[:1], "ä€".encode()[1:]], "ä€"),
        (["a\u202eb\u2066c\u200fd\u061ce".encode()], r"a\u202eb\u2066c\u200fd\u061ce"),
        ([b"\xff\xfe ", b"\xe2\x82"], r"\xff\xfe \xe2\x82"),
    ],
)
def test_terminal_gets_escaped_text(chunks: list[bytes], shown: str) -> None:
    """Control characters, bidirectional ones too, and invalid UTF-8 are escaped in any chunks."""
    terminal = TerminalOutput()
    output = Output(terminal, "The terminal")
    for chunk in chunks:
        output.write(chunk)
    output.end()
    assert terminal.getvalue().decode(sys.stdout.encoding) == shown


@pytest.mark.parametrize("encoding", ["ascii", None])
def test_characters_outside_the_encoding_are_escaped(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None
) -> None:
    """The text is encoded like stdout, and as UTF-8 if stdout is closed."""
    stdout = None if encoding is None else io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    terminal = TerminalOutput()
    Output(terminal, "The terminal").write("ä".encode())
    assert terminal.getvalue() == (b"\\xe4" if encoding else "ä".encode())


def test_terminal_gets_escaped_headers_and_body(
    logged_in: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response to ``-i`` cannot control the terminal."""
    terminal = TerminalOutput()
    logged_in.api_fault = Fault.body(b'{"name": "\x1b[2J"}')
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(terminal, encoding="utf-8"))
    assert main(["request", "GET", logged_in.url("/things"), "-i"]) == 0
    shown = terminal.getvalue()
    assert shown.startswith(b"HTTP/1.1 200 OK\n")
    assert shown.endswith(b'\n\n{"name": "\\x1b[2J"}')


@pytest.mark.parametrize("is_request", [False, True])
def test_a_full_disk_is_exit_code_1(
    logged_in: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch, *, is_request: bool
) -> None:
    """The error is about standard output, not about the request."""
    disk = FullDisk()
    stdout = io.TextIOWrapper(disk, encoding="utf-8")  # type: ignore[type-var] # pyright: ignore[reportArgumentType] - works as a buffer
    monkeypatch.setattr(sys, "stdout", stdout)
    result = run(*(["request", "GET", logged_in.url("/things")] if is_request else ["token"]))
    assert result.code == 1
    assert result.stderr == "Error: Standard output cannot be written: No space left on device\n"
    disk.is_full = False
    stdout.close()  # otherwise it is written when it is collected, in any later test


@pytest.mark.parametrize("is_request", [False, True])
def test_closed_stdout_is_exit_code_1(
    logged_in: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch, *, is_request: bool
) -> None:
    """The error says that standard output is closed."""
    monkeypatch.setattr(sys, "stdout", None)
    result = run(*(["request", "GET", logged_in.url("/things")] if is_request else ["token"]))
    assert (result.code, result.stderr) == (1, "Error: Standard output is closed\n")


def test_error_names_the_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The error has the path and the reason."""
    path = tmp_path / "missing" / "file"
    with (
        pytest.raises(RequestFailedError, match=rf"^The file {path} cannot be written: No such"),
        open_output(str(path)),
    ):
        pytest.fail("the file was opened")


class HandlerRecorder(io.BytesIO):
    """A file that records the SIGINT handler during each write."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: list[object] = []

    def flush(self) -> None:
        """Record the handler."""
        self.handlers.append(signal.getsignal(signal.SIGINT))


def loop_handler(number: int, frame: FrameType | None) -> None:
    """Stand in for the SIGINT handler of asyncio."""


@pytest.mark.parametrize(
    ("handler", "during_write"),
    [(loop_handler, signal.default_int_handler), (signal.SIG_IGN, signal.SIG_IGN)],
)
def test_sigint_handler_is_replaced_only_during_a_write(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers, during_write: object
) -> None:
    """Ctrl-C interrupts a blocked write, unless SIGINT is ignored."""
    recorder = HandlerRecorder()
    before = signal.signal(signal.SIGINT, handler)
    try:
        Output(recorder, "The file").write(b"text")
        assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert recorder.handlers == [during_write]
    assert recorder.getvalue() == b"text"
