"""Secrets that a caller gives to a grant: a value, or a callable that returns it when it is needed.

It knows no grant. What a callable returns is in no error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

from aioalf._callbacks import outcome
from aioalf._syntax import is_sendable
from aioalf.errors import TokenConfigurationError

Given = str | Callable[[], str] | Callable[[], Awaitable[str]]
"""A text, or a function that returns it: a coroutine function, or a plain one, which runs in a
thread.
"""


class Unpicklable:
    """Holds a secret, and cannot be pickled."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not pickled")


def check_given(name: str, given: Given) -> Given:
    """Return it. Raises TokenConfigurationError for what is neither text nor a callable."""
    return given if callable(given) else check_text(name, given)


async def value_of(name: str, given: Given) -> str:
    """Return the text itself.

    Raises TokenError, with what a callable raised as its cause, and TokenConfigurationError for
    what is no text.
    """
    if not callable(given):
        return given
    return check_text(name, await outcome(name, given))


def check_text(name: str, value: object) -> str:
    """Return it. Raises TokenConfigurationError for what is no text that can be sent."""
    if isinstance(value, str) and is_sendable(value):
        return value
    raise TokenConfigurationError(f"{name} must be text, and not empty")
