"""Microsoft Entra ID: one tenant, or all tenants."""

from __future__ import annotations

import re

from aioalf.providers._arguments import refuse
from aioalf.providers._provider import Provider

_LOGIN = "https://login.microsoftonline.com"
_SHARED = frozenset({"common", "organizations", "consumers"})
_TENANT = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_TENANT_ID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def entra(tenant: str) -> Provider:
    """Return Microsoft Entra ID.

    Register ``http://localhost`` as a redirect URI of the type "mobile and desktop applications"
    for a program on the user's machine, and allow public client flows for a device code. Request
    ``offline_access`` for a refresh token, and ``https://graph.microsoft.com/.default`` or the like
    for the client credentials grant. Azure AD B2C and External ID have other hosts: describe them
    with ``Provider(issuer=..., metadata_url=...)``.

    Args:
        tenant: A domain such as ``contoso.onmicrosoft.com``, the tenant's id, or ``common``,
            ``organizations`` or ``consumers``.

    Raises:
        TokenConfigurationError: `tenant` has another form.
    """
    is_known = isinstance(tenant, str) and re.fullmatch(_TENANT, tenant) is not None
    if not is_known or not (tenant in _SHARED or "." in tenant or re.fullmatch(_TENANT_ID, tenant)):
        refuse("tenant", tenant, "contoso.onmicrosoft.com")
    authority = f"{_LOGIN}/{tenant}"
    return Provider(
        "entra",
        issuer=f"{_LOGIN}/{{tenantid}}/v2.0",
        metadata_url=f"{authority}/v2.0/.well-known/openid-configuration",
        endpoints={
            "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
            "token_endpoint": f"{authority}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
        },
        redirect_uri="http://localhost",
        redirect_hosts=frozenset({"localhost"}),
        refresh_scope="offline_access",
    )
