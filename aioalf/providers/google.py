"""Google: sign-in and APIs, and service accounts."""

from __future__ import annotations

from aioalf.providers._provider import Provider

TOKEN_ENDPOINT = "https://oauth2.googleapis.com/token"  # noqa: S105 - a URL

_ENDPOINTS = {
    "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
    "token_endpoint": TOKEN_ENDPOINT,
    "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
    "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
}
_USERINFO = "https://www.googleapis.com/auth/userinfo."


def google() -> Provider:
    """Return Google. A sign-in asks for a refresh token, and therefore for consent each time.

    The client must be of the type "desktop" for a redirect to the user's machine, and of the type
    "TVs and limited input devices" for a device code.
    """
    return Provider(
        "google",
        issuer="https://accounts.google.com",
        endpoints=_ENDPOINTS,
        authorization_params={"access_type": "offline", "prompt": "consent"},
        redirect_uri="http://127.0.0.1",
        implied_scopes={
            f"{_USERINFO}email": ("email",),
            f"{_USERINFO}profile": ("profile",),
        },
        try_later=frozenset({"internal_failure", "server_error", "temporarily_unavailable"}),
    )
