"""Where an answer is written: standard output or a file, byte by byte; to a terminal as text.

It knows streams, and nothing of HTTP and of logins.
"""

from __future__ import annotations

import codecs
import io
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

import click

from aioalf._cli.exit_codes import RequestFailedError
from aioalf._redaction import printable

STDOUT: Final = "-"
"""Standard output's name among the paths of files."""

_CONTROLS: Final = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"


class Output:
    """Writes to a stream that is called so in errors. Raises RequestFailedError.

    A terminal is written no control characters, for they could do anything there: they are shown as
    text, and so is what is not UTF-8.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self._encoding = "utf-8" if sys.stdout is None else sys.stdout.encoding
        self._decoder: io.IncrementalNewlineDecoder | None = None
        if stream.isatty():
            decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
            self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)

    def write(self, content: bytes) -> None:
        """Write some bytes at once; only Ctrl-C ends it where nobody reads."""
        self._write(self._shown(content, is_last=False))

    def end(self) -> None:
        """Write what was held back, for it might have been part of something."""
        self._write(self._shown(b"", is_last=True))

    def _shown(self, content: bytes, *, is_last: bool) -> bytes:
        if self._decoder is None:
            return content
        text = self._decoder.decode(content, final=is_last)
        shown = re.sub(_CONTROLS, lambda found: ascii(found[0])[1:-1], text)
        return shown.encode(self._encoding, "backslashreplace")

    def _write(self, content: bytes) -> None:
        with _explained(self._name), _interruptible():
            self._stream.write(content)
            self._stream.flush()


@contextmanager
def opened(path: str) -> Iterator[Output]:
    """Open a file to be written, or standard output. Raises RequestFailedError."""
    name = "Standard output" if path == STDOUT else f"The file {printable(path)}"
    if path == STDOUT and sys.stdout is None:
        raise RequestFailedError(f"{name} is closed")
    with _explained(name):
        file = click.open_file(path, "wb")
    with file as stream:
        output = Output(stream, name)
        yield output
        output.end()


def write_line(text: str) -> None:
    """Write a line to standard output. Raises RequestFailedError."""
    with opened(STDOUT) as output:
        output.write(f"{text}\n".encode())


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # who reads no further does not want to hear of it
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RequestFailedError(f"{name} cannot be written: {reason}") from error


@contextmanager
def _interruptible() -> Iterator[None]:
    # Writing waits for who reads, and asyncio's handler of Ctrl-C for the loop, which writes.
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # it is ignored
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
