"""Asking a function of the user's: a coroutine function, or a plain one, which runs in a thread.

It knows asyncio, and nothing of what is asked for.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeGuard

from aioalf.errors import TokenError
from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)


def is_coroutine_function(function: object) -> TypeGuard[Callable[..., Awaitable[object]]]:
    """Tell whether a call gives a coroutine: of a coroutine function, or an object that has one.

    Called in a thread, either would give one that nobody awaits when the wait for it is over.
    """
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004 - what it is counts
    )


async def call(function: Callable[..., object], *arguments: object) -> object:
    """Call a function of the user's and return its result.

    A coroutine function is awaited. A plain function runs in a thread, since it may block. Raises
    what the function raises.
    """
    if is_coroutine_function(function):
        return await function(*arguments)
    return await await_if_needed(await asyncio.to_thread(function, *arguments))


async def call_user_function(
    what: str, function: Callable[..., object], *arguments: object
) -> object:
    """Call a function of the user's that provides `what`, as `call` does.

    Raises TokenError, with the original exception as its cause, if the function raises anything
    else than a TokenError.
    """
    try:
        return await call(function, *arguments)
    except TokenError:
        raise
    except Exception as error:
        raise TokenError(
            f"No {what}: the function that was asked for it raised {type(error).__name__}"
        ) from error


async def await_if_needed(result: object) -> object:
    """Return the result of a method that may be a coroutine function or a plain one."""
    return await result if inspect.isawaitable(result) else result


OnToken = Callable[[Token], object]
"""Called with each new token, before its callers get it: a coroutine function, or a plain one.

It must not use the client, whose callers wait for it, and has ten seconds. Where an answer replaced
a refresh token and was of no use otherwise, the access token is empty.
"""

TELLING: Final = 10.0
"""Seconds for which `OnToken` is waited for: who closes the client waits for it, too."""


async def notify_on_token(on_token: OnToken, token: Token) -> None:
    """Tell of a token; where that fails or takes too long, it is logged and no more."""
    try:
        async with asyncio.timeout(TELLING):
            await call_user_function("on_token", on_token, token)
    except TokenError as error:
        logger.warning("%s; the token is used nevertheless", error)
    except TimeoutError:
        logger.warning(
            "on_token took longer than %s seconds and is not waited for: does it use the client?",
            TELLING,
        )
