"""Intuit: QuickBooks Online."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretBasic
from aioalf.providers._provider import Provider


def intuit() -> Provider:
    """Return Intuit. The company's ``realmId`` comes in the redirect and is in ``Token.extra``.

    It is a part of each path of the API, and only in the token of the sign-in: store it. The
    refresh token changes about daily.
    """
    return Provider(
        "intuit",
        endpoints={
            "authorization_endpoint": "https://appcenter.intuit.com/connect/oauth2",
            "token_endpoint": "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
        },
        client_auth=ClientSecretBasic(),
        redirect_params=frozenset({"realmId"}),
    )
