"""Copies of errors: one for each caller, and one to keep.

It knows Python's exceptions and nothing of what they are about.
"""

from __future__ import annotations

import copy
from contextlib import suppress
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


def own_copy(error: E) -> E:
    """Return an equal error: one object raised in many tasks grows its traceback in each.

    One that cannot be copied is returned as it is.
    """
    try:
        twin = copy.copy(error) if hasattr(error, "__copy__") else _twin(error)
    except Exception:  # noqa: BLE001 - whatever a class of somebody's does
        return error
    twin.__cause__ = error.__cause__
    twin.__suppress_context__ = error.__suppress_context__
    return twin.with_traceback(error.__traceback__)


def without_frames(error: E, depth: int = 3) -> E:
    """Return an equal error that holds no frames, which hold much; nor do those that it holds.

    Of its causes, and theirs, there are `depth`.
    """
    twin = own_copy(error)
    if twin is not error:
        twin.__traceback__ = None
        for name, value in {"__cause__": twin.__cause__, **vars(twin)}.items():
            if isinstance(value, BaseException):
                setattr(twin, name, without_frames(value, depth - 1) if depth else None)
    return twin


def _twin(error: E) -> E:
    # Without its __init__, which may want other arguments or make another message of them.
    twin = error.__class__.__new__(error.__class__, *error.args)
    for kind in error.__class__.__mro__[:-2]:  # without BaseException and object
        for name, member in vars(kind).items():
            # Some classes hold what they are made with in places of their own, as OSError does.
            if isinstance(member, MemberDescriptorType | GetSetDescriptorType):
                with suppress(AttributeError, TypeError, ValueError):
                    value = getattr(error, name)
                    if value is not None:  # to OSError, None is not the same as nothing
                        setattr(twin, name, value)
    twin.args = error.args
    vars(twin).update(vars(error))
    return twin
