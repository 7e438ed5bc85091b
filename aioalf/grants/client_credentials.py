"""The client credentials grant: the client acts for itself (RFC 6749 §4.4)."""

from __future__ import annotations

from typing import Final

from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token


class ClientCredentials:
    """Request a token with the client's own credentials.

    A refresh token in the response is ignored (RFC 6749 §4.4.3).

    Args:
        grant_type: The name of the grant at a server that calls it otherwise, such as Zoom's
            ``account_credentials``.
    """

    name: str = "client_credentials"
    can_begin = True
    is_interactive = False
    keeps_refresh_token = False
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = ""

    def __init__(self, grant_type: str = "client_credentials") -> None:
        self.name = grant_type

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return a new token. Raises TokenError."""
        return await server.request({"grant_type": self.name}, is_repeatable=True)


CLIENT_CREDENTIALS: Final = ClientCredentials()
"""The default grant of every manager."""
