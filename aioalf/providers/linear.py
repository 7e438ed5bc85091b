"""Linear: apps of people and of workspaces."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def linear() -> Provider:
    """Return Linear.

    To act as the app, pass ``AuthorizationCode(extra_params={"actor": "app"})``.
    """
    return Provider(
        "linear",
        endpoints={
            "authorization_endpoint": "https://linear.app/oauth/authorize",
            "token_endpoint": "https://api.linear.app/oauth/token",
        },
        client_auth=ClientSecretPost(),
        scope_separator=",",
        base_url="https://api.linear.app/",
    )
