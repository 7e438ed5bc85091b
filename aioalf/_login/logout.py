"""A logout: what several managers hold is given up at once, then forgotten, then revoked.

It knows authorizations and the endpoint; nothing of flights and of who holds what.
"""

from __future__ import annotations

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._login.derived_login import DerivedLogin
from aioalf._login.login import Login
from aioalf._login.revocation import TokensToRevoke, revoke
from aioalf.token import Token


class Logout:
    """One logout; what it is given is not used any more from then on."""

    def __init__(self) -> None:
        self._held = TokensToRevoke()
        self._logins: list[tuple[Login, TokenEndpoint, TokensToRevoke]] = []

    def add(
        self,
        token: Token | None,
        authorization: Login | DerivedLogin | None,
        endpoint: TokenEndpoint | None,
    ) -> None:
        """Give up a manager's token, and its login where it has one of its own."""
        self._held.add(token)
        if isinstance(authorization, Login) and endpoint is not None:
            self._logins.append((authorization, endpoint, authorization.leave()))

    async def end(self, endpoint: TokenEndpoint | None) -> None:
        """Forget and revoke. Raises what `Authorization.forget` and `revoke` raise."""
        problem: BaseException | None = None
        for login, its_endpoint, left in self._logins:
            try:
                await login.forget(its_endpoint, left)
            except BaseException as error:  # noqa: BLE001 - the others are forgotten all the same
                problem = problem or error
        if problem is not None and not isinstance(problem, Exception):
            raise problem  # who was cancelled waits for nobody
        await revoke(endpoint, *(left for _, _, left in self._logins), self._held)
        if problem is not None:
            raise problem
