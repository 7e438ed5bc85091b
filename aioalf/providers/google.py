"""Google: sign-in and APIs, and service accounts."""

from __future__ import annotations

from aioalf._error_frames import hide_locals_on_error
from aioalf.client_auth.public import AnonymousClient
from aioalf.providers._provider import Provider
from aioalf.providers._service_account import KeyFile, ServiceAccount

_TOKEN_ENDPOINT = "https://oauth2.googleapis.com/token"

_ENDPOINTS = {
    "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
    "token_endpoint": _TOKEN_ENDPOINT,
    "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
    "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
}
_TRY_LATER = frozenset({"internal_failure", "server_error"})
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
        try_later=_TRY_LATER,
    )


@hide_locals_on_error
def google_service_account(key: KeyFile, subject: str | None = None) -> Provider:
    """Return Google for a service account: no user signs in, and no client id is needed.

    Request the scopes of the APIs. The grant signs an assertion with the account's key for each
    token, which needs the extra ``aio-alf[jose]`` (RFC 7523 §2.1).

    Args:
        key: The path of the key file, or the members of its JSON object. The file is read when it
            is needed first.
        subject: The address of a user of the domain, for an account that may act for users.

    Raises:
        TokenConfigurationError: `key` is not the key of a service account; for a file, the first
            request raises it. Or `subject` is not text.
    """
    return Provider(
        "google",
        endpoints={"token_endpoint": _TOKEN_ENDPOINT},
        client_auth=AnonymousClient(),
        try_later=_TRY_LATER,
        grant=ServiceAccount(key, subject),
    )
