"""Faults of `UnreliableCache`: values that say how to spoil a call, and the table that holds them.

Must not know what the calls do.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, TypeVar, cast, get_args

from aioalf.errors import CacheError

Result = TypeVar("Result")

CacheMethod: TypeAlias = Literal[
    "get", "set", "delete", "claim", "wait", "holder", "replace", "remove", "release", "extend"
]
"""The methods of a cache and of its claims; ``extend`` is the extension of a lease."""

_METHODS: Final[tuple[CacheMethod, ...]] = get_args(CacheMethod)
_NO_ANSWER: Final = object()


@dataclass(frozen=True, kw_only=True)
class CacheFault:
    """A fault of a cache method.

    Create a fault with one of the class methods, and set it with
    ``cache.faults["get"] = CacheFault.error()``. It applies to every call of that method until it
    is removed. `times` limits it: ``CacheFault.error().times(2)`` applies to two calls and is then
    removed.
    """

    kind: str
    """A short description, for example ``"hang"``."""
    _error: BaseException | None = field(default=None, repr=False)
    _answer: object = field(default=_NO_ANSWER, repr=False)
    _delay: float = 0.0
    _delay_after: float = 0.0
    _takes_effect: bool = False
    _uses_left: int | None = None

    @classmethod
    def slow(cls, seconds: float) -> CacheFault:
        """Do the work and answer, but late.

        Args:
            seconds: The delay before the work.
        """
        return cls(kind="slow", _delay=seconds)

    @classmethod
    def late(cls, seconds: float) -> CacheFault:
        """Do the work at once, but answer late: the answer may be outdated then.

        Args:
            seconds: The delay after the work.
        """
        return cls(kind="late", _delay_after=seconds)

    @classmethod
    def hang(cls, *, takes_effect: bool = False) -> CacheFault:
        """Never answer, until the caller is cancelled.

        Args:
            takes_effect: Whether the call does its work, so that only its answer is lost.
        """
        return cls(kind="hang", _delay=math.inf, _takes_effect=takes_effect)

    @classmethod
    def error(cls, error: BaseException | None = None, *, takes_effect: bool = False) -> CacheFault:
        """Raise an exception.

        Args:
            error: Any exception, for example ``asyncio.CancelledError()``. By default a
                `CacheError`.
            takes_effect: Whether the call does its work, so that only its answer is lost.
        """
        raised = CacheError("A fault is set for this method of UnreliableCache")
        return cls(kind="error", _error=error or raised, _takes_effect=takes_effect)

    @classmethod
    def answer(cls, answer: object, *, takes_effect: bool = False) -> CacheFault:
        """Return a wrong answer.

        Args:
            answer: Any object, also one that the method must not return.
            takes_effect: Whether the call does its work.
        """
        return cls(kind="answer", _answer=answer, _takes_effect=takes_effect)

    def times(self, count: int) -> CacheFault:
        """Return the same fault, limited to a number of calls.

        Args:
            count: How many calls the fault applies to, at least 1.

        Raises:
            ValueError: If ``count`` is less than 1.
        """
        if count < 1:
            raise ValueError(f"times() takes a count of at least 1, not {count}")
        return replace(self, _uses_left=count)

    def after_use(self) -> CacheFault | None:
        """Return the fault that is left after one more use, or None if it is used up."""
        if self._uses_left is None:
            return self
        return self.times(self._uses_left - 1) if self._uses_left > 1 else None

    async def apply(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Call `work` if the fault lets it take effect, and return or raise what the fault says."""
        if self._takes_effect:
            await work()
        await _sleep(self._delay)
        if self._error is not None:
            raise self._error.with_traceback(None)  # it would grow with each call
        result = await work() if self._answer is _NO_ANSWER else cast("Result", self._answer)
        await _sleep(self._delay_after)
        return result


async def _sleep(seconds: float) -> None:
    if seconds == math.inf:
        await asyncio.get_running_loop().create_future()
    await asyncio.sleep(seconds)


class CacheFaultTable:
    """The fault of each method, or None.

    ``faults["get"] = CacheFault.error()`` sets a fault, assigning None removes it. An unknown
    method raises KeyError.
    """

    def __init__(self) -> None:
        self._faults: dict[CacheMethod, CacheFault | None] = dict.fromkeys(_METHODS)

    def __getitem__(self, method: CacheMethod) -> CacheFault | None:
        return self._faults[method]

    def __setitem__(self, method: CacheMethod, fault: CacheFault | None) -> None:
        if method not in self._faults:
            raise KeyError(
                f"{method!r} is not a method of a cache: use one of {', '.join(_METHODS)}"
            )
        self._faults[method] = fault

    def set_all(self, fault: CacheFault | None) -> None:
        """Set the fault of every method, as if the store is down; None removes all faults.

        `release` gets no fault, since it does not raise if the store cannot be used.
        """
        self._faults = {**dict.fromkeys(_METHODS, fault), "release": None}

    async def apply(self, method: CacheMethod, work: Callable[[], Awaitable[Result]]) -> Result:
        """Use the method's fault once, if it has one. Without a fault, return what `work` does."""
        fault = self._faults[method]
        if fault is None:
            return await work()
        self._faults[method] = fault.after_use()
        return await fault.apply(work)
