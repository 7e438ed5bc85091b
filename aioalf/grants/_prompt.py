"""The prompt of a sign-in: the page to open and the code to enter, as shown in a terminal.

Knows terminals. Must not know how the sign-in proceeds.
"""

import io
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TextIO

from aioalf._masking import printable

_BORDER = 2
_MAX_URL = 2048


class Prompt(NamedTuple):
    """The page to open and the code to enter, for the user who signs in (RFC 8628 §3.2, §3.3).

    Attributes:
        user_code: The code to enter.
        verification_uri: The page to open.
        verification_uri_complete: A URL with the code in it, for a link or a QR code, or None. Show
            the code as well, so that the user can compare it.
        expires_in: The lifetime of the code in seconds.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: int


ShowPrompt = Callable[[Prompt], object] | Callable[[Prompt], Awaitable[object]]
"""A coroutine function, or a plain one that runs in a thread; it is called with the `Prompt`."""


def print_instructions(text: str) -> None:
    """Print how to sign in to standard error, not to a log, because the URL contains secrets."""
    sys.stderr.write(f"\n{text}\n\n")
    sys.stderr.flush()


def print_prompt(prompt: Prompt) -> None:
    """Print a prompt to standard error, with a QR code if the terminal and segno allow it.

    May run in a thread that is still blocked by the terminal when the program ends.
    """
    out = sys.stderr
    lines = [
        "",
        "To sign in, open this page in a browser, on this or on another device:",
        "",
        f"    {printable(prompt.verification_uri, _MAX_URL)}",
        "",
        f"and enter the code  {printable(prompt.user_code, 80)}",
        "",
    ]
    if prompt.verification_uri_complete is not None:
        lines += [
            "or open this page, and check that it shows the same code:",
            "",
            f"    {printable(prompt.verification_uri_complete, _MAX_URL)}",
            "",
        ]
    lines.append(qr_code(prompt.verification_uri_complete or prompt.verification_uri, out))
    _write("\n".join(lines), out)


def _write(text: str, out: TextIO) -> None:
    """Write without the lock of a buffer, which Python takes to flush its streams when it exits.

    Python aborts if a thread holds this lock then, so the text has a buffer of its own.
    """
    buffer: object = getattr(out, "buffer", None)
    if not (isinstance(out, io.TextIOWrapper) and isinstance(buffer, io.BufferedWriter)):
        out.write(text)  # in memory, for example, or a notebook's
        out.flush()
        return
    with open(
        out.fileno(), "w", encoding=out.encoding, errors=out.errors, closefd=False
    ) as unshared:
        unshared.write(text)


def columns_of(out: TextIO) -> int:
    """Return the width of a terminal in characters.

    `shutil.get_terminal_size` alone looks at standard output, which may be a file.
    """
    try:
        columns = os.get_terminal_size(out.fileno()).columns
    except OSError:  # not a terminal
        columns = 0
    return columns or shutil.get_terminal_size().columns


def qr_code(text: str, out: TextIO) -> str:
    """Return a text as a QR code, "" if the terminal cannot show it or segno is not installed."""
    if not out.isatty() or os.environ.get("TERM") == "dumb":
        return ""
    try:
        import segno  # noqa: PLC0415 - an extra

        "\u2580\u2584\u2588".encode(out.encoding)
        code = segno.make_qr(text, error="l")
    except (ImportError, LookupError, ValueError):  # not installed, not encodable, too long
        return ""
    if code.symbol_size(border=_BORDER)[0] > columns_of(out):
        return ""
    drawn = io.StringIO()
    code.terminal(drawn, border=_BORDER, compact=True)
    return drawn.getvalue() + "\n"
