"""One call of a `Client` on its way: what is awaited or entered, and what a refused hop becomes.

The facade puts the Authorization field on the call; the middleware here sees each of its hops. It
knows no session and no token manager.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import ClientResponse
from aiohttp.hdrs import AUTHORIZATION

from aioalf.bearer import UNAUTHORIZED

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Protocol

    from aiohttp import ClientHandlerType, ClientRequest

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


R = TypeVar("R", bound="_Context")


class Pending(Coroutine[Any, Any, R]):
    """A call that may be awaited, run as a task, or entered with ``async with``."""

    __slots__ = ("_coroutine", "_result")

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


class CallField(str):  # noqa: SLOT000 - what is never set takes no room
    """The Authorization field of one call, with what its hops met.

    aiohttp makes each hop from the fields of the call, so that the middleware meets this very
    object again; for mocks, traces and the wire it is a string like any other.
    """

    renewed: str | None = None
    """What replaces it on the hops that follow, once it was refused and renewed."""

    was_refused: bool = False
    """Whether the middleware saw a 401 for it: what is to be done about it, was done there."""


class RenewalMiddleware:
    """Repeats a refused hop once with a new token, if it carried the call's own (RFC 6750 §3.1).

    aiohttp takes the field off a hop to another origin; such a hop is left alone.
    """

    __slots__ = ("_bearer",)

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send one hop."""
        field = request.headers.get(AUTHORIZATION)
        if not isinstance(field, CallField):
            return await handler(request)
        if field.renewed is not None:
            request.headers[AUTHORIZATION] = field.renewed
            return await handler(request)
        response = await handler(request)
        if response.status != UNAUTHORIZED:
            return response
        from aioalf.middleware import renewal_for, send_again  # noqa: PLC0415 - on first need

        field.was_refused = True
        renewed = await renewal_for(request, response, field, self._bearer)
        if renewed is None:
            return response
        field.renewed = renewed
        return await send_again(request, handler, renewed, self._bearer)
