"""Twitch: tokens of people and of apps."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._arguments import header_value
from aioalf.providers._provider import Provider


def twitch(client_id: str) -> Provider:
    """Return Twitch. Register ``http://localhost`` with port and path; it is compared exactly.

    A device code needs the scope under another name: pass
    ``extra_params={"scopes": "chat:read"}`` besides ``grant=DeviceCode()``, and no ``scope``. A
    public client passes ``client_secret=""``.

    Args:
        client_id: The client id, which each request to the API repeats in ``Client-Id``.

    Raises:
        TokenConfigurationError: `client_id` is not a header value.
    """
    return Provider(
        "twitch",
        issuer="https://id.twitch.tv/oauth2",
        endpoints={
            "authorization_endpoint": "https://id.twitch.tv/oauth2/authorize",
            "token_endpoint": "https://id.twitch.tv/oauth2/token",
            "device_authorization_endpoint": "https://id.twitch.tv/oauth2/device",
            "revocation_endpoint": "https://id.twitch.tv/oauth2/revoke",
        },
        client_auth=ClientSecretPost(),
        redirect_uri="http://localhost",
        sign_in_again=frozenset({"Invalid refresh token"}),
        api_headers={"Client-Id": header_value("client_id", client_id, "abc123")},
    )
