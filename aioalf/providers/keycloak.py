"""Keycloak: a realm of a server."""

from __future__ import annotations

from aioalf.providers._arguments import base_url, path_segment
from aioalf.providers._provider import Provider


def keycloak(url: str, realm: str) -> Provider:
    """Return a realm of Keycloak. Endpoints come from its metadata.

    Request the scope ``offline_access`` for a refresh token that outlives the session. Inside a
    cluster, plain http needs ``allow_http_hosts``.

    Args:
        url: The URL of the server, such as ``https://sso.example.com``; with ``/auth`` if the
            server has this path.
        realm: The name of the realm.

    Raises:
        TokenConfigurationError: An argument has another form.
    """
    site = base_url("url", url, "https://sso.example.com")
    name = path_segment("realm", realm, "my-realm")
    return Provider(
        "keycloak",
        issuer=f"{site}/realms/{name}",
        refresh_scope="offline_access",
    )
