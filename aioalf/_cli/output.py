"""Write responses and tokens to standard output or to a file.

A file or pipe gets the bytes unchanged; a terminal gets text with control characters escaped. Must
not know HTTP or logins.
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
from aioalf._masking import printable

STDOUT: Final = "-"
"""The path that means standard output."""

_CONTROL_CHARACTERS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"
    # Bidirectional controls (Unicode UAX 9 §2), which change the order of the shown text.
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class Output:
    """Writes bytes to a stream, and raises RequestFailedError with the stream's `name`.

    On a terminal, control characters and bytes that are not UTF-8 are escaped, because a response
    could otherwise control the terminal.
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
        """Write and flush; blocks while the reader does not read, but Ctrl-C ends it."""
        self._write(self._escaped(content, is_last=False))

    def end(self) -> None:
        """Write the bytes that were held back as part of an incomplete character."""
        self._write(self._escaped(b"", is_last=True))

    def _escaped(self, content: bytes, *, is_last: bool) -> bytes:
        if self._decoder is None:
            return content
        text = self._decoder.decode(content, final=is_last)
        escaped = _CONTROL_CHARACTERS.sub(lambda match: ascii(match[0])[1:-1], text)
        return escaped.encode(self._encoding, "backslashreplace")

    def _write(self, content: bytes) -> None:
        with _write_errors(self._name), _interruptible():
            self._stream.write(content)
            self._stream.flush()


@contextmanager
def open_output(path: str) -> Iterator[Output]:
    """Open a file for writing, or standard output for ``-``. Raises RequestFailedError."""
    name = "Standard output" if path == STDOUT else f"The file {printable(path)}"
    if path == STDOUT and sys.stdout is None:
        raise RequestFailedError(f"{name} is closed")
    with _write_errors(name):
        file = click.open_file(path, "wb")
    with file as stream:
        output = Output(stream, name)
        yield output
        output.end()


def write_line(text: str) -> None:
    """Write a line to standard output. Raises RequestFailedError."""
    with open_output(STDOUT) as output:
        output.write(f"{text}\n".encode())


@contextmanager
def _write_errors(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # handled by `main`: the reader stopped reading, as `head` does
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RequestFailedError(f"{name} cannot be written: {reason}") from error


@contextmanager
def _interruptible() -> Iterator[None]:
    # A blocking write blocks the event loop, and asyncio's SIGINT handler needs the loop.
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # SIGINT is ignored
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
