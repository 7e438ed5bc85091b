"""X, formerly Twitter: version 2 of its API."""

from __future__ import annotations

from aioalf.providers._provider import Provider


def x() -> Provider:
    """Return X. Register ``http://127.0.0.1`` with port and path; it is compared exactly.

    Request the scope ``offline.access`` for a refresh token. For a token of the app itself, pass
    ``token_endpoint="https://api.x.com/oauth2/token"``.
    """
    return Provider(
        "x",
        endpoints={
            "authorization_endpoint": "https://x.com/i/oauth2/authorize",
            "token_endpoint": "https://api.x.com/2/oauth2/token",
            "revocation_endpoint": "https://api.x.com/2/oauth2/revoke",
        },
        refresh_scope="offline.access",
        pkce="required",
        redirect_uri="http://127.0.0.1",
        redirect_hosts=frozenset({"127.0.0.1"}),
        base_url="https://api.x.com/2/",
    )
