"""Amazon: Login with Amazon, and the Selling Partner API."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def amazon(*, selling_partner: bool = False) -> Provider:
    """Return Login with Amazon. A refresh returns the same refresh token.

    Args:
        selling_partner: The API is the Selling Partner API, which takes the token in
            ``x-amz-access-token``. A seller's consent is not a redirect of OAuth 2.0: take the
            refresh token from the seller's console, and pass ``grant=RefreshToken(...)``.
    """
    return Provider(
        "amazon",
        endpoints={
            "authorization_endpoint": "https://www.amazon.com/ap/oa",
            "token_endpoint": "https://api.amazon.com/auth/o2/token",
        },
        client_auth=ClientSecretPost(),
        api_header="x-amz-access-token" if selling_partner else "Authorization",
        api_scheme="" if selling_partner else "Bearer",
    )
