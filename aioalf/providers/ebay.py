"""eBay: production and sandbox."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretBasic
from aioalf.providers._provider import Provider


def ebay(*, sandbox: bool = False) -> Provider:
    """Return eBay. Scopes are URLs.

    The ``redirect_uri`` of a sign-in is a registered name, the RuName, that leads to an https URL.
    A program on the user's machine therefore cannot sign in by itself: pass a refresh token with
    ``grant=RefreshToken(...)``.

    Args:
        sandbox: Use the sandbox.
    """
    host = "sandbox.ebay.com" if sandbox else "ebay.com"
    return Provider(
        "ebay",
        endpoints={
            "authorization_endpoint": f"https://auth.{host}/oauth2/authorize",
            "token_endpoint": f"https://api.{host}/identity/v1/oauth2/token",
        },
        client_auth=ClientSecretBasic(),
        redirect_hosts=frozenset(),
        token_types=frozenset({"User Access Token", "Application Access Token"}),
        base_url=f"https://api.{host}/",
    )
