"""GitHub: OAuth apps and GitHub apps, on github.com or an Enterprise Server."""

from __future__ import annotations

from aioalf.providers._arguments import host_name
from aioalf.providers._provider import Provider


def github(host: str = "github.com") -> Provider:
    """Return GitHub.

    Register ``http://127.0.0.1`` as the callback URL; any port works. GitHub advises against
    ``localhost``, which is accepted as a ``redirect_uri``. Tokens of an OAuth app do not expire and
    have no refresh token. A GitHub app can be set to have tokens that expire, with refresh tokens.
    GitHub adds its issuer to the redirect without announcing it, which is accepted.

    Args:
        host: The host of an Enterprise Server, such as ``github.example.com``.

    Raises:
        TokenConfigurationError: `host` is not a host name.
    """
    site = f"https://{host_name('host', host, 'github.example.com')}"
    return Provider(
        "github",
        endpoints={
            "authorization_endpoint": f"{site}/login/oauth/authorize",
            "token_endpoint": f"{site}/login/oauth/access_token",
            "device_authorization_endpoint": f"{site}/login/device/code",
        },
        redirect_uri="http://127.0.0.1",
        redirect_hosts=frozenset({"127.0.0.1", "localhost"}),
        implied_scopes={"user": ("user:email", "user:follow")},
        sign_in_again=frozenset({"bad_refresh_token"}),
        base_url="https://api.github.com/" if site == "https://github.com" else None,
        api_headers={"User-Agent": "aio-alf"},
    )
