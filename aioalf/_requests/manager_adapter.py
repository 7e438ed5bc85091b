"""What `Bearer` asks of a token manager, and how one made for 0.4.0 comes to it.

Such a manager has ``get_token()`` and ``reset_token()``, which is all that 0.4.0's Client used. It
knows nothing of header fields and of requests.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Awaitable
from typing import Protocol

from aioalf._auth_server.http import Network
from aioalf._single_flight import SingleFlight
from aioalf.manager import TokenManager
from aioalf.renewal import Renewal


class TokenProvider(Protocol):
    """What a token manager must be able to do: give an access token, and forget it."""

    async def get_token(self) -> str: ...  # noqa: D102 - the class says it
    def reset_token(self) -> Awaitable[None] | None: ...  # noqa: D102 - a coroutine or not


class RenewableManager(Protocol):
    """A manager whose renewal is keyed to the refused token; `TokenManager` says what each does."""

    def cached_token(self) -> str | None: ...  # noqa: D102
    async def get_token(self) -> str: ...  # noqa: D102
    async def renew_token(self, rejected: str) -> str: ...  # noqa: D102
    def can_renew(self, rejected: str) -> bool: ...  # noqa: D102
    def mark_rejected(self, token: str) -> None: ...  # noqa: D102
    def mark_accepted(self) -> None: ...  # noqa: D102
    def use_network(self, network: Network) -> None: ...  # noqa: D102
    async def logout(self) -> None: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102


def renewable(manager: TokenProvider) -> RenewableManager:
    """Return the manager itself where it is one of ours throughout, else what adds the rest."""
    if isinstance(manager, TokenManager) and (
        overrides(manager, "cached_token")
        or not overrides(manager, "get_token", "renew_token", "reset_token")
    ):
        return manager
    return LegacyManagerAdapter(manager)


class LegacyManagerAdapter:
    """Renews by `reset_token`, once for all who were refused the same token.

    A subclass of `TokenManager` with a ``get_token`` of its own comes here too: with the inherited
    renewal it would have its tokens from two places.
    """

    def __init__(self, manager: TokenProvider) -> None:
        self._manager = manager
        self._flight = SingleFlight[tuple[str, str]]()
        self._rejected: str | None = None
        self._renewed: str | None = None
        self._unproven_until = -math.inf

    def cached_token(self) -> None:
        """Know nothing without asking."""

    async def get_token(self) -> str:
        """Return the manager's token, another one if it is known to be refused."""
        token = await self._manager.get_token()
        return await self.renew_token(token) if token == self._rejected else token

    async def renew_token(self, rejected: str) -> str:
        """Return a token in place of a refused one."""
        self._rejected = None
        if overrides(self._manager, "renew_token"):
            return await self._manager.renew_token(rejected)  # type: ignore[attr-defined, no-any-return]
        about, token = await self._flight.run(lambda: self._renew(rejected))
        if token == rejected != about:  # that flight was about another token
            _, token = await self._flight.run(lambda: self._renew(rejected))
        return token

    def can_renew(self, rejected: str) -> bool:
        """Tell whether it is not itself the product of a renewal that helped nobody."""
        return rejected != self._renewed or time.monotonic() >= self._unproven_until

    def mark_rejected(self, token: str) -> None:
        """Renew the token before it is used again."""
        if self.can_renew(token):
            self._rejected = token

    def mark_accepted(self) -> None:
        """Take note that a renewed token was accepted."""
        self._unproven_until = -math.inf

    def use_network(self, network: Network) -> None:
        """Pass on whose connector to use, where the manager can be told."""
        if isinstance(self._manager, TokenManager):
            self._manager.use_network(network)

    async def logout(self) -> None:
        """Log out where the manager can be told, else reset it."""
        self._flight.end()
        self._rejected = None
        logout = getattr(self._manager, "logout", None)
        try:
            if logout is not None:
                await _settle(logout())
        finally:
            if not overrides(self._manager, "logout"):
                await _settle(self._manager.reset_token())

    async def close(self) -> None:
        """End what is under way, the manager's too where it can be told."""
        await self._flight.close()
        close = getattr(self._manager, "close", None)
        if close is not None:
            await _settle(close())

    async def _renew(self, rejected: str) -> tuple[str, str]:
        token = await self._manager.get_token()
        if token == rejected:
            await _settle(self._manager.reset_token())
            token = await self._manager.get_token()
            self._renewed, self._unproven_until = (
                token,
                time.monotonic() + Renewal().failure_backoff,
            )
        return rejected, token


async def _settle(result: object) -> None:
    if inspect.isawaitable(result):
        await result


def overrides(manager: object, *names: str) -> bool:
    """Tell whether a manager has one of these of its own."""
    return any(
        getattr(type(manager), name, None) not in {None, getattr(TokenManager, name)}
        for name in names
    )
