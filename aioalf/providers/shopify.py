"""Shopify: apps of one shop."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._arguments import host_name, refuse
from aioalf.providers._provider import Provider

_EXAMPLE = "example.myshopify.com"


def shopify(shop: str) -> Provider:
    """Return a shop. Its API takes the token in ``X-Shopify-Access-Token``.

    A token of the sign-in does not expire unless ``extra_params={"expiring": "1"}`` is passed; then
    it comes with a refresh token. Redirects must be https URLs, so a program on the user's machine
    cannot sign in by itself. The redirect's ``hmac`` is kept in ``Token.extra`` and not checked.

    Args:
        shop: The host of the shop below ``myshopify.com``, such as ``example.myshopify.com``. An
            app may get it from a browser, and its secret must not go to any other host.

    Raises:
        TokenConfigurationError: `shop` is not such a host name.
    """
    host = host_name("shop", shop, _EXAMPLE)
    if not host.endswith(".myshopify.com"):
        refuse("shop", shop, _EXAMPLE)
    site = f"https://{host}/admin"
    return Provider(
        "shopify",
        endpoints={
            "authorization_endpoint": f"{site}/oauth/authorize",
            "token_endpoint": f"{site}/oauth/access_token",
        },
        client_auth=ClientSecretPost(),
        scope_separator=",",
        redirect_hosts=frozenset(),
        redirect_params=frozenset({"hmac", "host", "shop", "timestamp"}),
        implied_scopes={"write_*": ("read_*",)},
        api_scheme="",
        api_header="X-Shopify-Access-Token",
        base_url=f"{site}/",
    )
