"""The return value of the methods of `Client`: awaited, or entered with ``async with``.

Must not know sessions or tokens.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, NoReturn, Protocol, TypeVar


class _AsyncContext(Protocol):
    async def __aenter__(self) -> object: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool | None: ...


R = TypeVar("R", bound=_AsyncContext)


class RequestContextManager(Coroutine[Any, Any, R]):
    """A request that may be awaited, run as a task, or entered with ``async with``."""

    __slots__ = ("_coroutine", "_result")

    def __init__(self, coroutine: Coroutine[Any, Any, R]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, R]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> R:
        result = self._result = await self._coroutine
        await result.__aenter__()
        return result

    def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        return self._result.__aexit__(exc_type, exc, traceback)

    def send(self, value: Any, /) -> Any:
        """Resume the coroutine (called by event loops)."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error in the coroutine (called by event loops)."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End the coroutine without a result (called by event loops)."""
        self._coroutine.close()


class AsyncOnly:
    """Refuses ``with`` in favour of ``async with``, in aiohttp's words."""

    __slots__ = ()

    def __enter__(self) -> NoReturn:
        raise TypeError("Use async with instead.")

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing. Python looks for this method before it calls ``__enter__``."""
