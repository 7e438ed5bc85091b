"""`Logout`: logs out token managers that share a login, or have related ones.

Must not know single flights or how managers are related.
"""

from __future__ import annotations

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._login.derived_login import DerivedLogin
from aioalf._login.login import Login
from aioalf._login.revocation import TokensToRevoke, revoke
from aioalf.token import Token


class Logout:
    """One logout: `add` forgets the tokens of a manager at once, `end` revokes all of them."""

    def __init__(self) -> None:
        self._tokens = TokensToRevoke()
        self._logins: list[tuple[Login, TokenEndpoint, TokensToRevoke]] = []

    def add(
        self,
        token: Token | None,
        login: Login | DerivedLogin | None,
        endpoint: TokenEndpoint | None,
    ) -> None:
        """Add a manager's token, and its login unless it belongs to another manager."""
        self._tokens.add(token)
        if isinstance(login, Login) and endpoint is not None:
            self._logins.append((login, endpoint, login.start_logout()))

    async def end(self, endpoint: TokenEndpoint | None) -> None:
        """Empty the cache entries, then revoke all tokens. Raises CacheError, RevocationError."""
        failure: BaseException | None = None
        for login, its_endpoint, to_revoke in self._logins:
            try:
                await login.finish_logout(its_endpoint, to_revoke)
            except BaseException as error:  # noqa: BLE001 - the other logins must be emptied as well
                failure = failure or error
        if failure is not None and not isinstance(failure, Exception):
            raise failure  # cancelled: do not wait for the server
        await revoke(endpoint, *(to_revoke for _, _, to_revoke in self._logins), self._tokens)
        if failure is not None:
            raise failure
