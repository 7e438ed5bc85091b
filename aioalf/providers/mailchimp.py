"""Mailchimp: marketing accounts."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def mailchimp() -> Provider:
    """Return Mailchimp. Its tokens never expire: it says so with a lifetime of 0.

    ``https://login.mailchimp.com/oauth2/metadata`` tells the API's URL, ``api_endpoint``. It takes
    the token with the scheme ``OAuth``, for which ``token_scheme="OAuth"`` makes a client.
    """
    return Provider(
        "mailchimp",
        endpoints={
            "authorization_endpoint": "https://login.mailchimp.com/oauth2/authorize",
            "token_endpoint": "https://login.mailchimp.com/oauth2/token",
        },
        client_auth=ClientSecretPost(),
    )
