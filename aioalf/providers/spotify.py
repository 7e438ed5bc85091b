"""Spotify: the Web API."""

from __future__ import annotations

from aioalf.providers._provider import Provider


def spotify() -> Provider:
    """Return Spotify.

    Register ``http://127.0.0.1``; any port works if it is registered without one, and
    ``localhost`` is refused. A client without a secret sends PKCE, as the library always does.
    """
    return Provider(
        "spotify",
        endpoints={
            "authorization_endpoint": "https://accounts.spotify.com/authorize",
            "token_endpoint": "https://accounts.spotify.com/api/token",
        },
        redirect_uri="http://127.0.0.1",
        redirect_hosts=frozenset({"127.0.0.1", "::1"}),
    )
