"""Secrets that a user passes: a string, or a function that returns it when needed.

Must not know the classes that use a secret. No error shows what a function returns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aioalf._callbacks import call_user_function
from aioalf._syntax import is_sendable
from aioalf.errors import TokenConfigurationError

SecretSource = str | Callable[[], str] | Callable[[], Awaitable[str]]
"""A string, or a sync or async function that returns it; a sync function runs in a thread."""


def check_secret_source(name: str, given: SecretSource) -> SecretSource:
    """Return `given`. Raises TokenConfigurationError if it is neither text nor a function."""
    return given if callable(given) else check_text(name, given)


async def secret_value(name: str, given: SecretSource) -> str:
    """Return the secret.

    Raises TokenError with the exception of the function as its cause, and TokenConfigurationError
    if the function does not return text.
    """
    if not callable(given):
        return given
    return check_text(name, await call_user_function(name, given))


def check_text(name: str, value: object) -> str:
    """Return `value`. Raises TokenConfigurationError if it is not text that a form can hold."""
    if isinstance(value, str) and is_sendable(value):
        return value
    del value  # error reports show local variables
    raise TokenConfigurationError(f"{name} must be text, and not empty")
