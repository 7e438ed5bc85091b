"""Airtable: integrations."""

from __future__ import annotations

from aioalf.providers._provider import Provider


def airtable() -> Provider:
    """Return Airtable. Register ``http://localhost`` with port and path; it is compared exactly.

    A refresh token is single-use, and a second use may end the grant. At least one scope must be
    requested.
    """
    return Provider(
        "airtable",
        endpoints={
            "authorization_endpoint": "https://airtable.com/oauth2/v1/authorize",
            "token_endpoint": "https://airtable.com/oauth2/v1/token",
        },
        pkce="required",
        redirect_uri="http://localhost",
        redirect_hosts=frozenset({"localhost"}),
    )
