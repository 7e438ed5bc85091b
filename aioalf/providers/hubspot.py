"""HubSpot: public apps."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def hubspot() -> Provider:
    """Return HubSpot. The first endpoint of its tokens, version 1, ends on 16 February 2027.

    This is its successor, version 3. A refresh returns the same refresh token.
    """
    return Provider(
        "hubspot",
        endpoints={
            "authorization_endpoint": "https://app.hubspot.com/oauth/authorize",
            "token_endpoint": "https://api.hubapi.com/oauth/v3/token",
        },
        client_auth=ClientSecretPost(),
        sign_in_again=frozenset({"BAD_REFRESH_TOKEN"}),
        base_url="https://api.hubapi.com/",
    )
