"""Shows a URL to the user: in the default browser, or through a function of the program.

Must not know what the URL is for.
"""

from __future__ import annotations

import logging
import webbrowser
from collections.abc import Awaitable, Callable

from aioalf._callbacks import call

OpenBrowser = Callable[[str], object] | Callable[[str], Awaitable[object]]
"""Shows a URL to the user. A coroutine function, or a plain function, which runs in a thread.

A return value of False means that the URL could not be shown.
"""

logger: logging.Logger = logging.getLogger(__name__)


def log_url(url: str) -> None:
    """Log the URL, for a user who reads the log."""
    logger.warning("No browser could be opened on this machine. To sign in, open this URL: %s", url)


async def open_url(
    url: str, open_browser: OpenBrowser | None = None, otherwise: Callable[[str], None] = log_url
) -> None:
    """Show the URL with `open_browser`, or in the default browser if that is None.

    Calls `otherwise` with the URL if it could not be shown. Raises what the functions raise.
    """
    # Some browsers, such as text browsers, block until they are closed: `call` uses a thread.
    is_shown = await call(open_browser or webbrowser.open, url)
    if is_shown is False:
        otherwise(url)
