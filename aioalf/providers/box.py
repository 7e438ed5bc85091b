"""Box: files of people and enterprises."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def box() -> Provider:
    """Return Box. A refresh token is single-use."""
    return Provider(
        "box",
        endpoints={
            "authorization_endpoint": "https://account.box.com/api/oauth2/authorize",
            "token_endpoint": "https://api.box.com/oauth2/token",
            "revocation_endpoint": "https://api.box.com/oauth2/revoke",
        },
        client_auth=ClientSecretPost(),
    )
