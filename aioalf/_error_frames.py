"""Clears the frames of an error, so that reports with local variables show no secret among them.

For functions whose arguments may hold secrets. Must not know which arguments these are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from traceback import clear_frames
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def hide_locals_on_error(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function; if it raises, the local variables of all its frames are cleared.

    The traceback keeps its lines. Not for coroutine functions.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        handled = sys.exception()
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs  # this frame is running, so it cannot be cleared
            _clear_chain(error, handled)
            raise

    return call


def _clear_chain(error: BaseException, handled: BaseException | None) -> None:
    """Clear the frames of an error and its causes, up to the one that the caller was handling."""
    chain: list[BaseException | None] = [error]
    cleared: set[int] = set()
    while chain:
        each = chain.pop()
        if each is None or each is handled or id(each) in cleared:
            continue
        cleared.add(id(each))
        clear_frames(each.__traceback__)
        chain += [each.__cause__, each.__context__]
