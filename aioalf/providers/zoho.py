"""Zoho: one data center."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._arguments import one_of
from aioalf.providers._provider import Provider

_DATA_CENTERS = ("com", "eu", "in", "com.au", "jp", "com.cn", "sa", "ca")


def zoho(data_center: str = "com") -> Provider:
    """Return Zoho. A sign-in asks for a refresh token, and therefore for consent each time.

    Requests with a path alone go to the ``api_domain`` of the token. A code belongs to the data
    center of the account: the redirect names it in ``location`` and ``accounts-server``, which are
    in ``Token.extra``.

    Args:
        data_center: The end of the host: ``com``, ``eu``, ``in``, ``com.au``, ``jp``, ``com.cn``,
            ``sa``, or ``ca`` for Canada.

    Raises:
        TokenConfigurationError: There is no such data center.
    """
    end = one_of("data_center", data_center, _DATA_CENTERS)
    site = "https://accounts.zohocloud.ca" if end == "ca" else f"https://accounts.zoho.{end}"
    return Provider(
        "zoho",
        endpoints={
            "authorization_endpoint": f"{site}/oauth/v2/auth",
            "token_endpoint": f"{site}/oauth/v2/token",
        },
        client_auth=ClientSecretPost(),
        authorization_params={"access_type": "offline", "prompt": "consent"},
        scope_separator=",",
        redirect_params=frozenset({"accounts-server", "location"}),
        expiry={"expires_in_sec": "seconds", "expires_in": "seconds"},
        sign_in_again=frozenset({"invalid_code"}),
        api_scheme="Zoho-oauthtoken",
        base_url_member="api_domain",
    )
