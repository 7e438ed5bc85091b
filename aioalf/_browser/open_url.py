"""Shows the URL of a sign-in to the user: in the default browser, or through the program.

Must not know what the URL is for.
"""

from __future__ import annotations

import logging
import webbrowser
from typing import Final

from aioalf._callbacks import OpenBrowser, call
from aioalf._masking import printable
from aioalf.errors import TokenError

logger: logging.Logger = logging.getLogger(__name__)

_MAX_URL: Final = 2**16


def instructions(url: str, address: str, port: int) -> str:
    """Return what to do if no browser could be opened; the listener is at this address."""
    return (
        "No browser could be opened on this machine. To sign in, open this URL in a browser on "
        f"this machine:\n\n    {printable(url, _MAX_URL)}\n\n"
        "If your browser is on another machine, for example because you use ssh, first run this "
        "command there, with the name of this machine for HOST:\n\n"
        f"    ssh -L {port}:{address}:{port} HOST\n\n"
        "The device code grant (DeviceCode) needs no browser on the machine of the program."
    )


def log_instructions(text: str) -> None:
    logger.warning("%s", text)


async def open_url(url: str, open_browser: OpenBrowser | None = None) -> bool:
    """Show the URL with `open_browser`, or in the default browser if that is None.

    Returns False if no browser could be opened. Raises TokenError with the reason as its cause.
    """
    try:
        # Looked up at each call, so that a program can replace it. A browser that blocks until it
        # is closed does not block the program: `call` uses a daemon thread.
        is_shown = await call(open_browser or webbrowser.open, url)
    except Exception as error:
        raise TokenError(f"The browser could not be opened: {type(error).__name__}") from error
    return is_shown is not False
