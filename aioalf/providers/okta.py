"""Okta: the organization's authorization server, or a custom one."""

from __future__ import annotations

from aioalf.providers._arguments import host_name, path_segment
from aioalf.providers._provider import Provider


def okta(domain: str, authorization_server: str | None = None) -> Provider:
    """Return an authorization server of Okta. Endpoints come from its metadata.

    Request the scope ``offline_access`` for a refresh token. Okta's own APIs take tokens of the
    organization's server that were requested with `PrivateKeyJWT`.

    Args:
        domain: The domain, such as ``example.okta.com``.
        authorization_server: The id of a custom authorization server, such as ``default``. None
            selects the organization's server.

    Raises:
        TokenConfigurationError: An argument has another form.
    """
    site = f"https://{host_name('domain', domain, 'example.okta.com')}"
    if authorization_server is not None:
        server = path_segment("authorization_server", authorization_server, "default")
        site = f"{site}/oauth2/{server}"
    return Provider("okta", issuer=site, refresh_scope="offline_access")
