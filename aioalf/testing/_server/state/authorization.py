"""The authorization that tokens are issued for: client, user, scope and targets."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from aioalf.testing._server.responses import OAuthError


def _new_family() -> str:
    return secrets.token_urlsafe(12)


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """The grant to a client. ``user`` is None if the client acts for itself.

    All tokens of one authorization have the same ``family``, so they can be revoked together.
    """

    client_id: str
    scope: str | None = None
    user: str | None = None
    resources: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    actor: str | None = None
    is_offline: bool = True
    family: str = field(default_factory=_new_family, repr=False)

    def narrowed(self, scope: str | None, resources: tuple[str, ...]) -> Authorization:
        """Return the authorization with less scope or fewer resources.

        Without a scope or resources the granted ones are kept (RFC 6749 §6, RFC 8707 §2.2). Raises
        OAuthError if more is requested than was granted.
        """
        granted = set((self.scope or "").split())
        if scope is not None and not granted.issuperset(scope.split()):
            raise OAuthError("invalid_scope", "The scope exceeds the granted scope.")
        if self.resources and not set(self.resources).issuperset(resources):
            raise OAuthError("invalid_target", "The resource was not granted.")
        return replace(
            self,
            scope=self.scope if scope is None else scope,
            resources=resources or self.resources,
        )
