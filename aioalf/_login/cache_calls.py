"""Calls of a token cache: each has a time limit, and any error becomes a `CacheError`.

Must not know what is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from inspect import getattr_static
from typing import Final, TypeVar, TypeVarTuple

from aioalf._cache_protocol import Claim, TokenCache
from aioalf._closing import is_being_cancelled, run_to_completion
from aioalf.errors import CacheError

logger: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CALL_TIMEOUT: Final = 5.0
"""The time limit of a call, in seconds."""


_CLAIM_MEMBERS: Final = ("is_held", "release", "remove", "replace")


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


async def claim(cache: TokenCache, key: str) -> Claim | None:
    """Return the claim to a key; None if another client has it. Raises CacheError."""
    return await ask(_claim, cache, key)


async def _claim(cache: TokenCache, key: str) -> Claim | None:
    claim = await cache.claim(key)
    # Not isinstance: on Python 3.11 that reads `is_held`, which may raise.
    if claim is None or all(
        getattr_static(claim, name, None) is not None for name in _CLAIM_MEMBERS
    ):
        return claim
    raise CacheError(f"The token cache returned {type(claim).__name__} instead of a claim")


async def is_held(claim: Claim) -> bool:
    """Tell whether a claim was not lost. Raises CacheError."""
    return await ask(_is_held, claim)


async def _is_held(claim: Claim) -> bool:
    return claim.is_held


async def release(claim: Claim) -> None:
    """Release a claim, even if the caller is cancelled. A failure is only logged."""
    try:
        await run_to_completion(ask(claim.release))
    except CacheError as error:
        logger.debug("A claim to the token cache was not released, and ends by itself: %s", error)
