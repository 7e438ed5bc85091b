"""Strava: activities of athletes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def strava() -> Provider:
    """Return Strava. The redirect names the granted scope, since a user can untick some of it.

    ``localhost`` and ``127.0.0.1`` are accepted as redirect hosts without registration.
    """
    return Provider(
        "strava",
        endpoints={
            "authorization_endpoint": "https://www.strava.com/oauth/authorize",
            "token_endpoint": "https://www.strava.com/oauth/token",
        },
        client_auth=ClientSecretPost(),
        scope_separator=",",
        redirect_params=frozenset({"scope"}),
        read_response=_read,
        base_url="https://www.strava.com/api/v3/",
    )


def _read(members: Mapping[str, object]) -> Mapping[str, object]:
    """Return ``invalid_grant`` for an error that names the refresh token."""
    errors: Any = members.get("errors")
    try:
        resource = errors[0]["resource"]
    except (LookupError, TypeError):
        return members
    if resource == "RefreshToken":
        return {**members, "error": "invalid_grant"}
    return members
