"""Dropbox: accounts of people and of teams."""

from __future__ import annotations

from aioalf.providers._provider import Provider


def dropbox() -> Provider:
    """Return Dropbox. A sign-in asks for a refresh token. Register ``http://localhost``."""
    return Provider(
        "dropbox",
        endpoints={
            "authorization_endpoint": "https://www.dropbox.com/oauth2/authorize",
            "token_endpoint": "https://api.dropboxapi.com/oauth2/token",
        },
        authorization_params={"token_access_type": "offline"},
        redirect_uri="http://localhost",
        redirect_hosts=frozenset({"localhost"}),
        base_url="https://api.dropboxapi.com/2/",
    )
