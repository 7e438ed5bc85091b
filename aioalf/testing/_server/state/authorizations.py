"""What a client may do and for whom, and which resources that is good for.

Plain values; tokens that come of one authorization are a family.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from aioalf.testing._server.oauth_error import OAuthError


def _new_family() -> str:
    return secrets.token_urlsafe(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What was granted; ``user`` is None where nobody signed in."""

    client_id: str
    scope: str | None = None
    user: str | None = None
    resources: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    actor: str | None = None
    family: str = field(default_factory=_new_family, repr=False)

    def narrowed(self, scope: str | None, resources: tuple[str, ...]) -> Authorization:
        """The same for less: what is not asked for stays (RFC 6749 §6, RFC 8707 §2.2)."""
        granted = set((self.scope or "").split())
        if scope is not None and not granted.issuperset(scope.split()):
            raise OAuthError("invalid_scope", "The scope goes beyond what was granted.")
        if self.resources and not set(self.resources).issuperset(resources):
            raise OAuthError("invalid_target", "The resource is not one that was granted.")
        kept = resources or self.resources
        return replace(self, scope=self.scope if scope is None else scope, resources=kept)
