"""Fitbit: health data."""

from __future__ import annotations

from aioalf.providers._provider import Provider


def fitbit() -> Provider:
    """Return Fitbit. A refresh token is single-use, and an error may quote it: it is masked."""
    return Provider(
        "fitbit",
        endpoints={
            "authorization_endpoint": "https://www.fitbit.com/oauth2/authorize",
            "token_endpoint": "https://api.fitbit.com/oauth2/token",
            "revocation_endpoint": "https://api.fitbit.com/oauth2/revoke",
            "introspection_endpoint": "https://api.fitbit.com/1.1/oauth2/introspect",
        },
        base_url="https://api.fitbit.com/",
    )
