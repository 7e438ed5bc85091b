"""Discord: sign-in of people and bots."""

from __future__ import annotations

from aioalf.providers._provider import Provider


def discord() -> Provider:
    """Return Discord. Revoking any token of a grant ends the whole grant.

    The API demands a ``User-Agent`` of the form ``DiscordBot (url, version)``: pass it in
    ``api_headers``.
    """
    return Provider(
        "discord",
        endpoints={
            "authorization_endpoint": "https://discord.com/oauth2/authorize",
            "token_endpoint": "https://discord.com/api/oauth2/token",
            "revocation_endpoint": "https://discord.com/api/oauth2/token/revoke",
        },
        redirect_params=frozenset({"guild_id", "permissions"}),
        base_url="https://discord.com/api/",
    )
