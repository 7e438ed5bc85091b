"""Atlassian: Jira and Confluence in the cloud, by OAuth 2.0 (3LO)."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def atlassian() -> Provider:
    """Return Atlassian's cloud. Request the scope ``offline_access`` for a refresh token.

    Requests go to ``https://api.atlassian.com/ex/{product}/{cloudid}``; the cloud ids are at
    ``https://api.atlassian.com/oauth/token/accessible-resources``.
    """
    return Provider(
        "atlassian",
        endpoints={
            "authorization_endpoint": "https://auth.atlassian.com/authorize",
            "token_endpoint": "https://auth.atlassian.com/oauth/token",
        },
        client_auth=ClientSecretPost(),
        authorization_params={"audience": "api.atlassian.com", "prompt": "consent"},
        refresh_scope="offline_access",
        base_url="https://api.atlassian.com/",
    )
