"""Secrets that a caller gives to a grant: a value, or a callable that returns it when it is needed.

It knows no grant. What a callable returns is in no error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aioalf._callbacks import call_user_function
from aioalf._syntax import is_sendable
from aioalf.errors import TokenConfigurationError

SecretSource = str | Callable[[], str] | Callable[[], Awaitable[str]]
"""A text, or a function that returns it: a coroutine function, or a plain one, which runs in a
thread.
"""


def check_secret_source(name: str, given: SecretSource) -> SecretSource:
    """Return it. Raises TokenConfigurationError for what is neither text nor a callable."""
    return given if callable(given) else check_text(name, given)


async def secret_value(name: str, given: SecretSource) -> str:
    """Return the text itself.

    Raises TokenError, with what a callable raised as its cause, and TokenConfigurationError for
    what is no text.
    """
    if not callable(given):
        return given
    return check_text(name, await call_user_function(name, given))


def check_text(name: str, value: object) -> str:
    """Return it. Raises TokenConfigurationError for what is no text that can be sent."""
    if isinstance(value, str) and is_sendable(value):
        return value
    raise TokenConfigurationError(f"{name} must be text, and not empty")
