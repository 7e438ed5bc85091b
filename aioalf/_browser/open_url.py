"""Shows the URL of a sign-in to the user: in the default browser, or through the program.

Must not know what the URL is for.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import webbrowser
from concurrent.futures import Future
from typing import Final

from aioalf._callbacks import OpenBrowser, await_if_needed, call
from aioalf._redaction import printable
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
    """Log the instructions, for a user who reads the log."""
    logger.warning("%s", text)


async def open_url(url: str, open_browser: OpenBrowser | None = None) -> bool:
    """Show the URL with `open_browser`, or in the default browser if that is None.

    Returns False if no browser could be opened. Raises TokenError with the reason as its cause.
    """
    try:
        is_shown = await (
            open_default_browser(url) if open_browser is None else call(open_browser, url)
        )
    except Exception as error:
        raise TokenError(f"The browser could not be opened: {type(error).__name__}") from error
    return is_shown is not False


async def open_default_browser(url: str) -> object:
    """Open the default browser; return False if no browser could be opened.

    Some browsers, such as text browsers, block until the user closes them. The end of the event
    loop and of the program would wait for a thread of asyncio's executor, but not for a daemon
    thread.
    """
    result: Future[object] = Future()
    result.set_running_or_notify_cancel()  # the end of a waiting task does not cancel it
    threading.Thread(target=_open, args=(url, result), daemon=True).start()
    return await await_if_needed(await asyncio.wrap_future(result))


def _open(url: str, result: Future[object]) -> None:
    try:
        # Looked up at each call, so that a program can replace it.
        result.set_result(webbrowser.open(url))
    except BaseException as error:  # noqa: BLE001 - raised in the waiting task
        result.set_exception(error)
