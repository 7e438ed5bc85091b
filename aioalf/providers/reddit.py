"""Reddit: web apps, installed apps and scripts."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretBasic
from aioalf.providers._arguments import header_value
from aioalf.providers._provider import Provider


def reddit(user_agent: str) -> Provider:
    """Return Reddit. A sign-in asks for a refresh token. Redirect URIs are compared exactly.

    An installed app has an empty secret: pass ``client_secret=""``.

    Args:
        user_agent: Names your program, which Reddit demands; otherwise it answers 429.

    Raises:
        TokenConfigurationError: `user_agent` is not a header value.
    """
    agent = header_value("user_agent", user_agent, "linux:com.example.program:1.0 (by /u/name)")
    return Provider(
        "reddit",
        endpoints={
            "authorization_endpoint": "https://www.reddit.com/api/v1/authorize",
            "token_endpoint": "https://www.reddit.com/api/v1/access_token",
            "revocation_endpoint": "https://www.reddit.com/api/v1/revoke_token",
        },
        client_auth=ClientSecretBasic(),
        authorization_params={"duration": "permanent"},
        token_headers={"User-Agent": agent},
        api_headers={"User-Agent": agent},
        base_url="https://oauth.reddit.com/",
    )
