"""The client credentials grant: the client acts for itself (RFC 6749 §4.4)."""

from __future__ import annotations

from collections.abc import Collection

from aioalf.grants.contract import TokenSource
from aioalf.scope import join_scope, scope_set
from aioalf.token import Token


class ClientCredentials:
    """Ask with the client's own credentials; a refresh token in the answer is ignored (§4.4.3).

    ``scope`` is a string with spaces, or a collection of strings; None asks for none.
    """

    __slots__ = ("_scope",)

    def __init__(self, scope: str | Collection[str] | None = None) -> None:
        self._scope = join_scope(scope)

    async def request_token(self, endpoint: TokenSource) -> Token:
        """Return a new token. Raises TokenError."""
        form = {"grant_type": "client_credentials", "scope": self._scope}
        return await endpoint.request(form, scope_set(self._scope), is_repeatable=True)
