"""GitLab: gitlab.com or a server of one's own."""

from __future__ import annotations

from aioalf.providers._arguments import base_url
from aioalf.providers._provider import Provider


def gitlab(url: str = "https://gitlab.com") -> Provider:
    """Return GitLab. Redirect URIs are compared exactly, with their port; http is for loopback.

    Args:
        url: The URL of the server, with its path if it has one.

    Raises:
        TokenConfigurationError: `url` is not the URL of a server.
    """
    site = base_url("url", url, "https://gitlab.example.com")
    return Provider(
        "gitlab",
        issuer=site,
        endpoints={
            "authorization_endpoint": f"{site}/oauth/authorize",
            "token_endpoint": f"{site}/oauth/token",
            "revocation_endpoint": f"{site}/oauth/revoke",
            "device_authorization_endpoint": f"{site}/oauth/authorize_device",
        },
        base_url=f"{site}/api/v4/",
    )
