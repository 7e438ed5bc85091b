"""The providers, and what a test of each needs to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aioalf import providers
from aioalf.providers import Provider


def _empty() -> dict[str, Any]:
    return {}


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
    options: Mapping[str, Any] = field(default_factory=_empty)
    granted: str | None = None
    has_refresh_token: bool = True
    dead: str = "invalid_grant"
    wrong_secret: str | None = "invalid_client"
    extra: Mapping[str, object] = field(default_factory=_empty)
    expires_in: int | None = 3600
    revokes: bool = True


CASES: dict[str, Case] = {
    "airtable": Case(
        make=providers.airtable,
        options={"redirect_uri": None},
        extra={"refresh_expires_in": 5184000},
        revokes=False,
    ),
    "amazon": Case(make=providers.amazon, scope="profile", revokes=False),
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
    "bitbucket": Case(
        make=providers.bitbucket,
        scope="",
        granted="repository account",
        expires_in=7200,
        revokes=False,
    ),
    "box": Case(make=providers.box, scope="root_readonly", extra={"restricted_to": []}),
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
    "docusign": Case(make=providers.docusign, scope="signature extended", revokes=False),
    "dropbox": Case(
        make=providers.dropbox,
        scope="files.content.read",
        options={"redirect_uri": None},
        extra={"account_id": "dbid:AAH4"},
        expires_in=14400,
        revokes=False,
    ),
    "ebay": Case(
        make=providers.ebay,
        scope="https://api.ebay.com/oauth/api_scope",
        extra={"token_type": "User Access Token", "refresh_token_expires_in": 47304000},
        expires_in=7200,
        revokes=False,
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
    "fitbit": Case(
        make=providers.fitbit,
        scope="activity profile",
        extra={"user_id": "26FWFL"},
        expires_in=28800,
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
    "hubspot": Case(
        make=providers.hubspot,
        scope="crm.objects.contacts.read oauth",
        dead="BAD_REFRESH_TOKEN",
        wrong_secret="BAD_CLIENT_SECRET",
        expires_in=1800,
        revokes=False,
    ),
    "intuit": Case(
        make=providers.intuit,
        scope="com.intuit.quickbooks.accounting",
        extra={"realmId": "4620816365"},
        revokes=False,
    ),
    "keycloak": Case(
        make=lambda: providers.keycloak("https://sso.example.com", "example"),
        extra={"refresh_expires_in": 1800},
        expires_in=300,
    ),
    "linear": Case(make=providers.linear, expires_in=86399, revokes=False),
    "linkedin": Case(
        make=providers.linkedin,
        scope="openid w_member_social",
        has_refresh_token=False,
        expires_in=5184000,
        revokes=False,
    ),
    "mailchimp": Case(
        make=providers.mailchimp,
        scope="",
        has_refresh_token=False,
        expires_in=None,
        revokes=False,
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
    "reddit": Case(
        make=lambda: providers.reddit("linux:com.example.program:1.0 (by /u/example)"),
        scope="identity read",
        wrong_secret=None,
    ),
    "salesforce": Case(
        make=providers.salesforce,
        scope="api refresh_token",
        extra={"issued_at": "1790000000000"},
        expires_in=None,
    ),
    "shopify": Case(
        make=lambda: providers.shopify("example.myshopify.com"),
        scope="read_products write_products read_orders",
        extra={"shop": "example.myshopify.com", "refresh_token_expires_in": 7776000},
        revokes=False,
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
    "spotify": Case(
        make=providers.spotify,
        scope="user-read-email",
        options={"redirect_uri": None},
        revokes=False,
    ),
    "strava": Case(
        make=providers.strava,
        scope="read activity:read",
        wrong_secret="invalid",
        extra={"athlete": {"id": 227615}},
        expires_in=21600,
        revokes=False,
    ),
    "twitch": Case(
        make=lambda: providers.twitch("client-id"),
        scope="chat:read chat:edit",
        options={"redirect_uri": None},
        dead="Invalid refresh token",
        wrong_secret=None,
    ),
    "withings": Case(
        make=providers.withings,
        scope="user.info user.metrics",
        dead="status_503",
        wrong_secret="status_401",
        extra={"userid": "363"},
        expires_in=10800,
        revokes=False,
    ),
    "x": Case(
        make=providers.x,
        scope="tweet.read offline.access",
        options={"redirect_uri": None},
        expires_in=7200,
    ),
    "zoho": Case(
        make=providers.zoho,
        scope="ZohoCRM.modules.ALL",
        dead="invalid_code",
        extra={"location": "us"},
        revokes=False,
    ),
    "zoom": Case(
        make=providers.zoom,
        scope="meeting:read",
        options={"redirect_uri": None},
        expires_in=3599,
    ),
    "zoom server": Case(
        make=lambda: providers.zoom("account"),
        scope="",
        sign_in="client",
        options={"redirect_uri": None},
        has_refresh_token=False,
        expires_in=3599,
    ),
}
