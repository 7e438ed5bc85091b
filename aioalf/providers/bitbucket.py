"""Bitbucket Cloud."""

from __future__ import annotations

from collections.abc import Mapping

from aioalf.client_auth import ClientSecretBasic
from aioalf.providers._provider import Provider


def bitbucket() -> Provider:
    """Return Bitbucket Cloud. The scope is a setting of the consumer: request none."""
    return Provider(
        "bitbucket",
        endpoints={
            "authorization_endpoint": "https://bitbucket.org/site/oauth2/authorize",
            "token_endpoint": "https://bitbucket.org/site/oauth2/access_token",
        },
        client_auth=ClientSecretBasic(),
        read_response=_read,
    )


def _read(members: Mapping[str, object]) -> Mapping[str, object]:
    """Return the scope, which is in ``scopes``, by its name in the standard."""
    return {**members, "scope": members["scopes"]} if "scopes" in members else members
