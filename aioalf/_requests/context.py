"""One call of a `Client` on its way: what is awaited or entered, and what a refused hop becomes.

The facade puts the Authorization field on the call; the middleware here sees each of its hops. It
knows no session and no token manager.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aiohttp import ClientResponse


class _Context(Protocol):
    async def __aenter__(self) -> object: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None: ...


R = TypeVar("R", bound="_Context")


class RequestContextManager(Coroutine[Any, Any, R]):
    """A call that may be awaited, run as a task, or entered with ``async with``."""

    def __init__(self, coroutine: Coroutine[Any, Any, R]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, R]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> R:
        self._result = result = await self._coroutine
        if result.__class__ is not ClientResponse:  # whose __aenter__ returns it, and takes time
            await result.__aenter__()
        return result

    if TYPE_CHECKING:

        async def __aexit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> bool | None: ...

    else:

        def __aexit__(self, *raised: object) -> Coroutine[Any, Any, bool | None]:
            return self._result.__aexit__(*raised)  # as it is: a coroutine around it takes time

    def send(self, value: Any, /) -> Any:  # noqa: ANN401 - as the event loop has it
        """Go on (for event loops)."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401 - as the event loop has it
        """Raise inside (for event loops)."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End without a result (for event loops)."""
        self._coroutine.close()
