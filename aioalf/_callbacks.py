"""Calls a user's function, which may be a coroutine function or a plain function.

Plain functions run in a thread, since they may block. Must not import the modules that use the
functions.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from threading import Thread
from typing import Final, TypeGuard, TypeVar

from aioalf._closing import is_being_cancelled
from aioalf.errors import TokenError
from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

OnToken = Callable[[Token], object]
"""A function that is called with each new token before the callers get it, sync or async.

It must not use the client, whose callers wait for it, and must return within ten seconds. If a
response replaced the refresh token but held no usable access token, ``access_token`` is empty.
"""

OpenBrowser = Callable[[str], object] | Callable[[str], Awaitable[object]]
"""Shows a URL to the user. A coroutine function, or a plain function, which runs in a thread.

A return value of False means that the URL could not be shown.
"""

ON_TOKEN_TIMEOUT: Final = 10.0
"""The time limit of `OnToken`, in seconds. Closing the client waits for the function as well."""


async def call(function: Callable[..., object], *arguments: object) -> object:
    """Call a user's function and return its result. Raises its errors unchanged.

    A coroutine function is awaited. A plain function runs in a thread; if it returns an awaitable,
    that is awaited too.
    """
    if is_coroutine_function(function):
        return await function(*arguments)
    return await await_if_needed(await _in_thread(function, *arguments))


async def _in_thread(function: Callable[..., object], *arguments: object) -> object:
    """Call a function in a thread of its own, which does not keep the program from ending.

    A function that hangs uses up no thread that others need, unlike in the executor of the loop.
    """
    loop, context = asyncio.get_running_loop(), copy_context()
    finished: asyncio.Future[None] = loop.create_future()
    # Not the result of the future, which asyncio logs in its debug mode.
    result: object = None
    error: BaseException | None = None

    def finish() -> None:
        if not finished.done():  # the caller was cancelled
            finished.set_result(None)

    def run() -> None:
        nonlocal result, error
        try:
            result = context.run(function, *arguments)
        except StopIteration as stop:  # a future cannot hold it
            error = RuntimeError(f"{stop!r} was raised")
        except BaseException as raised:  # noqa: BLE001 - passed on to the caller
            error = raised
        with suppress(RuntimeError):  # the event loop has ended meanwhile
            loop.call_soon_threadsafe(finish)

    Thread(target=run, name="aioalf", daemon=True).start()
    await finished
    if error is not None:
        raise error
    return result


async def call_user_function(
    what: str, function: Callable[..., object], *arguments: object
) -> object:
    """Call a user's function that provides `what`, like `call`.

    Any error but a TokenError becomes a TokenError that has the original error as its cause and
    does not repeat its message, which may contain a secret.
    """
    try:
        return await call(function, *arguments)
    except TokenError:
        raise
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
            raise
        raise TokenError(
            f"No {what}: the function that provides it raised {type(error).__name__}"
        ) from error


async def await_if_needed(result: object) -> object:
    """Return the result of a method that may be a coroutine function or a plain one."""
    return await result if inspect.isawaitable(result) else result


def is_coroutine_function(function: object) -> TypeGuard[Callable[..., Awaitable[object]]]:
    """Return whether a function, or the ``__call__`` of an object, is a coroutine function.

    If it was called in a thread instead, a cancelled caller would leave a coroutine that is never
    awaited.
    """
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004 - its kind matters, not its existence
    )


async def run_while_showing(showing: Coroutine[object, object, object], waiting: Awaitable[T]) -> T:
    """Return the result of `waiting` while `showing` runs.

    `showing` is cancelled when `waiting` ends. If `showing` fails, `waiting` is cancelled. Raises
    the TokenError of either.
    """
    try:
        async with asyncio.TaskGroup() as group:
            shower = group.create_task(showing)
            result = await waiting
            shower.cancel()
    except BaseExceptionGroup as errors:
        # Not `except*`: before Python 3.11.4, an exception raised in it is wrapped in a group.
        ours, others = errors.split(TokenError)
        if ours is None or others is not None:
            raise
        raise ours.exceptions[0] from ours.exceptions[0].__cause__
    return result


async def notify_on_token(on_token: OnToken, token: Token) -> None:
    """Call `on_token` with a new token. An error or a timeout is only logged."""
    try:
        async with asyncio.timeout(ON_TOKEN_TIMEOUT):
            await call_user_function("on_token", on_token, token)
    except TokenError as error:
        reason = error if error.__cause__ is None else f"it raised {type(error.__cause__).__name__}"
        logger.warning("on_token failed, the token is used anyway: %s", reason)
    except TimeoutError:
        logger.warning(
            "on_token took longer than %s seconds, and the token is used without waiting for it; "
            "does it use the client?",
            ON_TOKEN_TIMEOUT,
        )
