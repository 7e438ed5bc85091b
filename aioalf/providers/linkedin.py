"""LinkedIn: sign-in of members."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def linkedin() -> Provider:
    """Return LinkedIn. Only approved partners get refresh tokens; others sign in again."""
    return Provider(
        "linkedin",
        endpoints={
            "authorization_endpoint": "https://www.linkedin.com/oauth/v2/authorization",
            "token_endpoint": "https://www.linkedin.com/oauth/v2/accessToken",
        },
        client_auth=ClientSecretPost(),
    )
