"""One call of a `Client` on its way: what is awaited or entered, and what a refused hop becomes.

The facade puts the Authorization field on the call; the middleware here sees each of its hops. It
knows no session and no token manager.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from aioalf.bearer import UNAUTHORIZED
from aioalf.middleware import renewal_for, send_again

if TYPE_CHECKING:
    from types import TracebackType

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

    from aioalf.bearer import Bearer


class _Context(Protocol):
    async def __aenter__(self) -> object: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None: ...


R = TypeVar("R", bound=_Context)


class Pending(Coroutine[Any, Any, R], Generic[R]):
    """A call that may be awaited, run as a task, or entered with ``async with``."""

    __slots__ = ("_coroutine", "_result")

    def __init__(self, coroutine: Coroutine[Any, Any, R]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, R]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> R:
        self._result = await self._coroutine
        await self._result.__aenter__()
        return self._result

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._result.__aexit__(kind, error, trace)

    def send(self, value: Any, /) -> Any:  # noqa: ANN401 - as the event loop has it
        """Go on (for event loops)."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401 - as the event loop has it
        """Raise inside (for event loops)."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End without a result (for event loops)."""
        self._coroutine.close()


class Call:
    """The fields that a call went out with and was renewed to, and whether its hops were seen."""

    __slots__ = ("authorization", "renewed", "seen")

    def __init__(self, authorization: str) -> None:
        self.authorization: str = authorization
        self.renewed: str | None = None
        self.seen: bool = False


CALL: Final[ContextVar[Call | None]] = ContextVar("aioalf_call", default=None)


class RenewalMiddleware:
    """Repeats a refused hop once with a new token, if it carried the call's own (RFC 6750 §3.1).

    aiohttp takes the field off a hop to another origin; such a hop is left alone.
    """

    __slots__ = ("_bearer",)

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send one hop."""
        call = CALL.get()
        if call is None:
            return await handler(request)
        call.seen = True
        if call.renewed is not None:
            # aiohttp makes each hop from the fields of the call, which hold the refused token.
            if _is_of(call, request):
                request.headers["Authorization"] = call.renewed
            return await handler(request)
        response = await handler(request)
        if response.status != UNAUTHORIZED or not _is_of(call, request):
            return response
        renewed = await renewal_for(request, response, call.authorization, self._bearer)
        if renewed is None:
            return response
        call.renewed = renewed
        return await send_again(request, handler, renewed, self._bearer)


def _is_of(call: Call, request: ClientRequest) -> bool:
    return request.headers.get("Authorization") == call.authorization
