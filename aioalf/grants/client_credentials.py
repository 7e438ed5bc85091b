"""The client credentials grant: the client acts for itself (RFC 6749 §4.4)."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from aioalf.grants.contract import FormerTokenSource, TokenSource
from aioalf.scope import join_scope, scope_set
from aioalf.token import Token


class ClientCredentials:
    """Ask with the client's own credentials; a refresh token in the answer is ignored (§4.4.3)."""

    __slots__ = ("_scope",)

    name = "client_credentials"
    can_begin = True
    keeps_refresh_token = False

    def __init__(self, scope: str | Collection[str] | None = None) -> None:
        self._scope = join_scope(scope)

    async def request_token(self, endpoint: TokenSource | FormerTokenSource) -> Token:
        """Return a new token. Raises TokenError."""
        form = {"grant_type": self.name}
        if getattr(endpoint, "url_of", None) is not None:
            return await cast("TokenSource", endpoint).request(form, is_repeatable=True)
        former = cast("FormerTokenSource", endpoint)
        form["scope"] = self._scope
        return await former.request(form, scope_set(self._scope), is_repeatable=True)
