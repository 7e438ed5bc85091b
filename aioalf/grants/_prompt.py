"""What a person has to do who signs in, and how a terminal says it.

It knows terminals; it knows nothing of how the login goes on.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TextIO

from aioalf._redaction import printable

_BORDER = 2
_MAX_URL = 2048
_MAX_LOGIN_URL = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What to show (RFC 8628 §3.2, §3.3): open `verification_uri`, enter `user_code`.

    `verification_uri_complete`, None without, holds the code too, for a link or a QR code; the code
    is shown all the same, so that the person can compare it. `expires_in` is in seconds.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: int


ShowPrompt = Callable[[Prompt], object] | Callable[[Prompt], Awaitable[object]]
"""Called with the `Prompt`: a coroutine function, or a plain one, which runs in a thread."""


def print_url(url: str) -> None:
    """Write the URL of a login to standard error: in a log it would stay, and it holds secrets."""
    sys.stderr.write(
        "\nNo browser could be opened on this machine. To sign in, open this URL:\n\n"
        f"    {printable(url, _MAX_LOGIN_URL)}\n\n"
    )
    sys.stderr.flush()


def print_prompt(prompt: Prompt) -> None:
    """Write it to standard error, with a QR code where the terminal can and segno is installed."""
    out = sys.stderr
    lines = [
        "",
        "To sign in, open this page in a browser, on this or on another device:",
        "",
        f"    {printable(prompt.verification_uri, _MAX_URL)}",
        "",
        f"and enter the code  {printable(prompt.user_code, 80)}",
        "",
        qr_code(prompt.verification_uri_complete or prompt.verification_uri, out),
    ]
    out.write("\n".join(lines))
    out.flush()


def columns_of(out: TextIO) -> int:
    """Return how wide a terminal is; standard output, which Python looks at, may be a file."""
    try:
        columns = os.get_terminal_size(out.fileno()).columns
    except OSError:  # it is none
        columns = 0
    return columns or shutil.get_terminal_size().columns


def qr_code(text: str, out: TextIO) -> str:
    """Return a text as a QR code for this terminal, "" where it cannot show one."""
    if not out.isatty() or os.environ.get("TERM") == "dumb":
        return ""
    try:
        import segno  # noqa: PLC0415 - of an extra

        "\u2580\u2584\u2588".encode(out.encoding)
        code = segno.make_qr(text, error="l")
    except (ImportError, LookupError, ValueError):  # no library, other letters, too long
        return ""
    if code.symbol_size(border=_BORDER)[0] > columns_of(out):
        return ""
    drawn = io.StringIO()
    code.terminal(drawn, border=_BORDER, compact=True)
    return drawn.getvalue() + "\n"
