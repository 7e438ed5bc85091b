"""Amazon Cognito: a user pool with its domain."""

from __future__ import annotations

import re

from aioalf.providers._arguments import host_name, refuse
from aioalf.providers._provider import Provider


def cognito(domain: str, region: str, pool: str) -> Provider:
    """Return a user pool of Cognito.

    The response names no scope, and scopes that are not allowed are dropped silently. Register
    ``http://localhost`` with port and path as the callback URL of a program.

    Args:
        domain: The domain of the pool, such as ``example.auth.eu-west-1.amazoncognito.com``.
        region: The region, such as ``eu-west-1``.
        pool: The id of the pool, such as ``eu-west-1_AbCdEf123``.

    Raises:
        TokenConfigurationError: An argument has another form.
    """
    host = host_name("domain", domain, "example.auth.eu-west-1.amazoncognito.com")
    if not isinstance(region, str) or not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]+", region):
        refuse("region", region, "eu-west-1")
    if not isinstance(pool, str) or not re.fullmatch(rf"{region}_[A-Za-z0-9]+", pool):
        refuse("pool", pool, f"{region}_AbCdEf123")
    return Provider(
        "cognito",
        issuer=f"https://cognito-idp.{region}.amazonaws.com/{pool}",
        endpoints={
            "authorization_endpoint": f"https://{host}/oauth2/authorize",
            "token_endpoint": f"https://{host}/oauth2/token",
            "revocation_endpoint": f"https://{host}/oauth2/revoke",
        },
        redirect_uri="http://localhost",
        redirect_hosts=frozenset({"localhost"}),
    )
