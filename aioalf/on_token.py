"""Telling a function of the user's of each new token.

It knows nothing of where tokens come from and who gets them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aioalf.callables import outcome
from aioalf.errors import TokenError
from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)

OnToken = Callable[[Token], object]
"""Called with each new token, before its callers get it: a coroutine function, or a plain one.

It must not use the client, whose callers wait for it, and has ten seconds. Where an answer replaced
a refresh token and was of no use otherwise, the access token is empty.
"""

TELLING: Final = 10.0
"""Seconds for which `OnToken` is waited for: who closes the client waits for it, too."""


async def tell(on_token: OnToken, token: Token) -> None:
    """Tell of a token; where that fails or takes too long, it is logged and no more."""
    try:
        async with asyncio.timeout(TELLING):
            await outcome("on_token", on_token, token)
    except TokenError as error:
        logger.warning("%s; the token is used nevertheless", error)
    except TimeoutError:
        logger.warning(
            "on_token took longer than %s seconds and is not waited for: does it use the client?",
            TELLING,
        )
