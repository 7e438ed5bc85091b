"""Calls of a token cache: each has a time limit, and any error becomes a `CacheError`.

Must not know what is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, TypeVarTuple

from aioalf._cache_protocol import Claim
from aioalf._closing import is_being_cancelled, run_to_completion
from aioalf.errors import CacheError

logger: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CALL_TIMEOUT: Final = 5.0
"""The time limit of a call, in seconds."""


async def ask(
    method: Callable[[*Ts], Awaitable[T]], *arguments: *Ts, limit: float = CALL_TIMEOUT
) -> T:
    """Call a method of a cache and return its result. Raises CacheError if it fails.

    `limit` is in seconds.
    """
    try:
        async with asyncio.timeout(limit):
            return await method(*arguments)
    except CacheError:
        raise
    except asyncio.CancelledError:
        if is_being_cancelled():
            raise
        raise CacheError("The token cache cancelled its caller") from None
    except TimeoutError:
        raise CacheError(f"The token cache did not answer within {limit:g} seconds") from None
    except Exception as error:
        raise CacheError(f"The token cache raised {type(error).__name__}") from error


async def release(claim: Claim) -> None:
    """Release a claim, even if the caller is cancelled. A failure is only logged."""
    try:
        await run_to_completion(ask(claim.release))
    except CacheError as error:
        logger.debug("A claim to the token cache was not released, and ends by itself: %s", error)
