"""DocuSign: agreements, in production and in the demo environment."""

from __future__ import annotations

from aioalf.providers._provider import Provider


def docusign(*, demo: bool = False) -> Provider:
    """Return DocuSign. Request the scope ``extended`` to keep the refresh token alive.

    The URL of an account's API, ``base_uri``, is in the response of ``/oauth/userinfo``. For
    `JWTBearer`, pass ``audience="account.docusign.com"``, a host without a scheme, or
    ``"account-d.docusign.com"`` for the demo environment. Pass no client id and no secret then.

    Args:
        demo: Use the demo environment for developers.
    """
    site = f"https://{'account-d' if demo else 'account'}.docusign.com/oauth"
    return Provider(
        "docusign",
        endpoints={
            "authorization_endpoint": f"{site}/auth",
            "token_endpoint": f"{site}/token",
        },
        refresh_scope="extended",
    )
