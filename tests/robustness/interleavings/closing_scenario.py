"""Scenarios in which `close()` and `logout()` are cancelled: at any moment, and repeatedly.

Some of the cancellations come from a scope of anyio, which cancels a task at each turn of the event
loop until it has left the scope.
"""

import asyncio
from collections.abc import Awaitable, Callable

import anyio

from aioalf import TokenManager
from tests.robustness.interleavings.login_scenario import LoginScenario
from tests.robustness.interleavings.login_server import Login
from tests.robustness.interleavings.scenario import Caller
from tests.robustness.interleavings.world import DELAYS

_LONGEST_CLOSE = 30.0  # seconds, as documented
_EMPTYING = 1.5  # seconds: a fetch may empty the cache in place of the logout
_MOST_TURNS = 1000  # of the event loop, for one close or logout


class ClosingScenario(LoginScenario):
    """A login whose manager is closed and logged out by tasks that are cancelled."""

    def _draw_callers(self) -> list[Caller]:
        ends = [self._close_interrupted, self._close_interrupted, self._log_out_interrupted]
        count = self.choices.randint(1, 3)
        return self._draw_steady_callers() + [
            Caller(self._draw_time(), self.choices.choice(ends)) for _ in range(count)
        ]

    async def _close_interrupted(self) -> None:
        root = self.choices.choice(self.roots)
        sent = self.logins.in_flight() if len(self.roots) == 1 else []
        self.world.note("close")
        begun = self.loop.time()
        await self._interrupt(root.close)
        must = self.world.must
        must(
            "close() waits 30 seconds at most (R077)",
            holds=self.loop.time() - begun <= _LONGEST_CLOSE,
        )
        must(
            "close() waits for refreshes and codes that were sent (R077)",
            holds=not any(login.is_exchanging for login, _ in sent),
        )
        must(
            "a refresh or a code that was sent is stored (R044)",
            holds=self.cache is None or all(self._is_stored(*each) for each in sent),
        )

    def _is_stored(self, login: Login, position: int) -> bool:
        """Return whether a refresh token was stored, if the client received it and can use it."""
        received = [
            refresh for refresh in login.refresh[position : position + 1] if refresh.is_known
        ]
        return not login.can_go_on or all(
            refresh.name in self.logins.stored_refresh for refresh in received
        )

    async def _log_out_interrupted(self) -> None:
        root: TokenManager = self.choices.choice(self.roots)
        known = set(self.logins.stored_refresh)
        await self._interrupt(lambda: self._log_out(root, root))
        if self.cache is not None and len(self.roots) == 1:
            await asyncio.sleep(_EMPTYING)
            text = await self.cache.get(self.cache.key) or ""
            self.world.must(
                "a logout empties the cache, also if it is cancelled (R160)",
                holds=not any(f'"{name}"' in text for name in known),
            )

    async def _interrupt(self, end: Callable[[], Awaitable[None]]) -> None:
        """Run a close or a logout in a task of its own, and cancel the task."""
        turn = self.loop.turn
        if self.world.likely(0.4):
            task = self.loop.create_task(self._run_in_scope(end))
        else:
            task = self.loop.create_task(self._run(end))
            await self._cancel_repeatedly(task)
        await asyncio.wait([task])
        error = None if task.cancelled() else task.exception()
        self.world.must(f"close() and logout() raise nothing: {error!r}", holds=error is None)
        self.world.must(
            "a cancelled close or logout does not keep the processor busy (R077)",
            holds=self.loop.turn - turn < _MOST_TURNS,
        )

    async def _run(self, end: Callable[[], Awaitable[None]]) -> None:
        await end()

    async def _run_in_scope(self, end: Callable[[], Awaitable[None]]) -> None:
        with anyio.CancelScope() as scope:
            self.loop.call_later(self.choices.choice(DELAYS), scope.cancel)
            await end()

    async def _cancel_repeatedly(self, task: asyncio.Task[None]) -> None:
        is_cancelled = False
        for _ in range(self.choices.choice([1, 1, 2, 5])):
            await asyncio.wait([task], timeout=self.choices.choice(DELAYS))
            is_cancelled |= task.cancel()
        await asyncio.wait([task])
        self.world.must(
            "a cancelled close or logout ends with the cancellation (R077)",
            holds=task.cancelled() or not is_cancelled,
        )
        self.world.note("end interrupted" if is_cancelled else "end undisturbed")
