"""Zoom: apps of people, and server-to-server apps of an account."""

from __future__ import annotations

from aioalf.client_auth import ClientSecretBasic
from aioalf.grants import ClientCredentials
from aioalf.providers._arguments import path_segment
from aioalf.providers._provider import Provider


def zoom(account_id: str | None = None) -> Provider:
    """Return Zoom. For a sign-in, register ``http://127.0.0.1``; any port works with PKCE.

    Args:
        account_id: The account of a server-to-server app: no user signs in then.

    Raises:
        TokenConfigurationError: `account_id` has another form.
    """
    token_params: dict[str, str] = {}
    if account_id is not None:
        token_params["account_id"] = path_segment(
            "account_id", account_id, "abC1dE_f2GhIjK3lMnOp4Q"
        )
    return Provider(
        "zoom",
        endpoints={
            "authorization_endpoint": "https://zoom.us/oauth/authorize",
            "token_endpoint": "https://zoom.us/oauth/token",
            "revocation_endpoint": "https://zoom.us/oauth/revoke",
        },
        client_auth=ClientSecretBasic(),
        token_params=token_params,
        redirect_uri="http://127.0.0.1",
        redirect_hosts=frozenset({"127.0.0.1"}),
        grant=ClientCredentials("account_credentials") if account_id is not None else None,
    )
