"""The providers, and what a test of each needs to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aioalf import providers
from aioalf.providers import Provider


@dataclass(frozen=True, kw_only=True)
class Case:
    """One provider.

    Attributes:
        make: Returns the provider.
        scope: The scope to request.
        sign_in: How a token is fetched first: by a browser, or for the client itself.
        options: Further keyword arguments of `AuthorizationCode`.
        granted: The expected `Token.scope`; by default the requested one.
        has_refresh_token: Whether a sign-in yields a refresh token.
        dead: The error code, or else its description, for a refresh token that is not valid.
        wrong_secret: The error code for a wrong client secret; None if the server sends none.
        extra: Members that `Token.extra` must have.
        expires_in: The expected `Token.expires_in`.
    """

    make: Callable[[], Provider]
    scope: str = "read write"
    sign_in: Literal["browser", "client"] = "browser"
    options: Mapping[str, Any] = field(default_factory=dict)
    granted: str | None = None
    has_refresh_token: bool = True
    dead: str = "invalid_grant"
    wrong_secret: str | None = "invalid_client"
    extra: Mapping[str, object] = field(default_factory=dict)
    expires_in: int | None = 3600


CASES: dict[str, Case] = {
    "google": Case(
        make=providers.google,
        scope="openid email",
        granted="openid email https://www.googleapis.com/auth/userinfo.email",
        expires_in=3599,
    ),
    "slack": Case(
        make=providers.slack,
        scope="chat:write channels:read",
        dead="invalid_refresh_token",
        wrong_secret="bad_client_secret",
        extra={"ok": True, "token_type": "bot", "app_id": "A0KRD7HC3"},
        expires_in=43200,
    ),
}
