"""The package's own `TokenManager`, extended to report its calls to an `Oracle`."""

from typing import Any

from aioalf import Token, TokenManager
from tests.robustness.interleavings.oracle import Oracle


class ObservedManager(TokenManager):
    """A `TokenManager` that reports to an `Oracle`."""

    oracle: Oracle
    gives_members = False

    async def renew_token(self, rejected: str) -> str:
        """Report the call, then do what `TokenManager` does."""
        self.oracle.note_rejection(rejected, is_applied=self.can_renew(rejected))
        return await super().renew_token(rejected)

    def mark_accepted(self) -> None:
        """Report the call, then do what `TokenManager` does."""
        self.oracle.mark_accepted()
        super().mark_accepted()

    async def reset_token(self) -> None:
        """Report the call, then do what `TokenManager` does."""
        has_nothing = self._token is None and self._failure is None
        keeps_request = has_nothing and self._flight.is_running
        begun, is_done = self.oracle.begin_reset(keeps_request=keeps_request), False
        try:
            await super().reset_token()
            is_done = True
        finally:
            self.oracle.end_reset(begun, is_done=is_done)

    async def logout(self) -> None:
        """Report the call, then do what `TokenManager` does."""
        begun, is_done = self.oracle.begin_reset(), False
        self.oracle.world.note("logout")
        try:
            await super().logout()
            is_done = True
        finally:
            self.oracle.end_reset(begun, is_done=is_done)

    async def close(self) -> None:
        """Report the call, then do what `TokenManager` does."""
        ending = self.oracle.begin_close(self)
        await super().close()
        self.oracle.end_close(ending)

    async def _get_token_data(self) -> Any:
        token = await super()._get_token_data()
        if isinstance(token, Token) and self.gives_members:  # as subclasses of 0.4.0 do
            return {"access_token": token.access_token, "expires_in": token.expires_in}
        return token


class ObservedKeyedManager(ObservedManager):
    """A subclass that overrides `cached_token`, which the middleware checks for."""

    def cached_token(self) -> str | None:
        """Report the call, then do what `TokenManager` does."""
        return super().cached_token()
