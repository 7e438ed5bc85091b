"""`AuthorizationRules`: a server's rules for authorization requests and scopes. Plain data.

The defaults are plain OAuth. Must not know the names of servers.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

_NO_PARAMS: Mapping[str, str] = MappingProxyType({})


class AuthorizationRules(NamedTuple):
    """Facts of a server for authorization requests. Arguments of a grant override them.

    Attributes:
        extra_params: Parameters of each authorization request.
        redirect_uri: The redirect URI if the grant has none.
        uses_pkce: Whether a client with a secret sends PKCE; a public client always does.
        redirect_params: The parameters of a redirect to keep in `Token.extra`.
        scope_separator: The character between two scopes, in every request that has a scope.
        default_scope: The scope of a sign-in if the client has none, separated by spaces.
        refresh_scope: The scope to request for a refresh token, if the server has one.
    """

    extra_params: Mapping[str, str] = _NO_PARAMS
    redirect_uri: str | None = None
    uses_pkce: bool = True
    redirect_params: frozenset[str] = frozenset()
    scope_separator: str = " "
    default_scope: str = ""
    refresh_scope: str | None = None

    def separated(self, scope: str) -> str:
        """Return a scope, which is separated by spaces, as the server expects it."""
        return self.scope_separator.join(scope.split())


STANDARD_AUTHORIZATION: Final = AuthorizationRules()
