"""Spotify: the Web API."""

from __future__ import annotations

from aioalf.providers._provider import Provider


def spotify() -> Provider:
    """Return Spotify.

    Register ``http://127.0.0.1``; any port works if it is registered without one, and
    ``localhost`` is refused. A client without a secret sends PKCE, and one with a secret does not:
    Spotify does not support both together.
    """
    return Provider(
        "spotify",
        endpoints={
            "authorization_endpoint": "https://accounts.spotify.com/authorize",
            "token_endpoint": "https://accounts.spotify.com/api/token",
        },
        pkce="public",
        redirect_uri="http://127.0.0.1",
        redirect_hosts=frozenset({"127.0.0.1", "::1"}),
    )
