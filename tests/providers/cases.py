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
        revokes: Whether a sign-out revokes the tokens.
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
    revokes: bool = True


CASES: dict[str, Case] = {
    "atlassian": Case(
        make=providers.atlassian,
        scope="read:jira-work offline_access",
        wrong_secret="access_denied",
        revokes=False,
    ),
    "auth0": Case(
        make=lambda: providers.auth0("example.eu.auth0.com"),
        scope="read offline_access",
        expires_in=86400,
    ),
    "cognito": Case(
        make=lambda: providers.cognito(
            "example.auth.eu-west-1.amazoncognito.com", "eu-west-1", "eu-west-1_AbC"
        ),
        options={"redirect_uri": None},
    ),
    "discord": Case(
        make=providers.discord,
        scope="identify bot",
        extra={"guild_id": "290926798626357999"},
        expires_in=604800,
    ),
    "entra": Case(
        make=lambda: providers.entra("contoso.onmicrosoft.com"),
        scope="User.Read offline_access",
        options={"redirect_uri": None},
        expires_in=3599,
        revokes=False,
    ),
    "entra common": Case(
        make=lambda: providers.entra("common"),
        scope="User.Read offline_access",
        options={"redirect_uri": None},
        expires_in=3599,
        revokes=False,
    ),
    "github": Case(
        make=providers.github,
        scope="user user:email repo",
        dead="bad_refresh_token",
        wrong_secret="incorrect_client_credentials",
        extra={"token_type": None, "refresh_token_expires_in": 15811200},
        expires_in=28800,
        revokes=False,
    ),
    "gitlab": Case(make=providers.gitlab, extra={"created_at": 1790000000}, expires_in=7200),
    "google": Case(
        make=providers.google,
        scope="openid email",
        granted="openid email https://www.googleapis.com/auth/userinfo.email",
        expires_in=3599,
    ),
    "keycloak": Case(
        make=lambda: providers.keycloak("https://sso.example.com", "example"),
        extra={"refresh_expires_in": 1800},
        expires_in=300,
    ),
    "notion": Case(
        make=providers.notion,
        scope="",
        extra={"workspace_name": "Example", "duplicated_template_id": None},
        expires_in=None,
    ),
    "okta": Case(
        make=lambda: providers.okta("example.okta.com", "default"),
        scope="read offline_access",
    ),
    "salesforce": Case(
        make=providers.salesforce,
        scope="api refresh_token",
        extra={"issued_at": "1790000000000"},
        expires_in=None,
    ),
    "slack": Case(
        make=providers.slack,
        scope="chat:write channels:read",
        dead="invalid_refresh_token",
        wrong_secret="bad_client_secret",
        extra={"ok": True, "token_type": "bot", "app_id": "A0KRD7HC3"},
        expires_in=43200,
        revokes=False,
    ),
}
