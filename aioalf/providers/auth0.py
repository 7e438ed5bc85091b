"""Auth0: a tenant, or a custom domain."""

from __future__ import annotations

from aioalf.providers._arguments import host_name
from aioalf.providers._provider import Provider


def auth0(domain: str) -> Provider:
    """Return a tenant of Auth0. Pass the API as ``audience``, or the token is not for it.

    Request the scope ``offline_access`` for a refresh token.

    Args:
        domain: The domain, such as ``example.eu.auth0.com``.

    Raises:
        TokenConfigurationError: `domain` is not a host name.
    """
    site = f"https://{host_name('domain', domain, 'example.eu.auth0.com')}"
    return Provider(
        "auth0",
        issuer=f"{site}/",
        endpoints={
            "authorization_endpoint": f"{site}/authorize",
            "token_endpoint": f"{site}/oauth/token",
            "revocation_endpoint": f"{site}/oauth/revoke",
        },
        refresh_scope="offline_access",
    )
