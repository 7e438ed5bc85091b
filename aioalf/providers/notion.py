"""Notion: public integrations."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretBasic
from aioalf.providers._arguments import header_value
from aioalf.providers._provider import Provider


def notion(version: str = "2022-06-28") -> Provider:
    """Return Notion. Its tokens have no scope and no lifetime.

    Args:
        version: The version of the API, which each request must name in ``Notion-Version``.

    Raises:
        TokenConfigurationError: `version` is not a header value.
    """
    return Provider(
        "notion",
        endpoints={
            "authorization_endpoint": "https://api.notion.com/v1/oauth/authorize",
            "token_endpoint": "https://api.notion.com/v1/oauth/token",
            "revocation_endpoint": "https://api.notion.com/v1/oauth/revoke",
            "introspection_endpoint": "https://api.notion.com/v1/oauth/introspect",
        },
        client_auth=ClientSecretBasic(),
        authorization_params={"owner": "user"},
        token_body="json",
        api_headers={"Notion-Version": header_value("version", version, "2022-06-28")},
        base_url="https://api.notion.com/v1/",
    )
