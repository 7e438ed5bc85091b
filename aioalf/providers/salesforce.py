"""Salesforce: the login hosts, or a domain of one's own."""

from __future__ import annotations

from aioalf.providers._arguments import host_name
from aioalf.providers._provider import Provider


def salesforce(domain: str = "login.salesforce.com") -> Provider:
    """Return Salesforce. Requests with a path alone go to the ``instance_url`` of the token.

    Request the scope ``refresh_token`` for a refresh token. The token response has no lifetime: a
    token is used until the API rejects it. The client credentials grant needs a My Domain.

    Args:
        domain: The host to sign in at: ``login.salesforce.com``, ``test.salesforce.com`` for
            sandboxes, or a My Domain such as ``example.my.salesforce.com``.

    Raises:
        TokenConfigurationError: `domain` is not a host name.
    """
    site = f"https://{host_name('domain', domain, 'example.my.salesforce.com')}/services/oauth2"
    return Provider(
        "salesforce",
        endpoints={
            "authorization_endpoint": f"{site}/authorize",
            "token_endpoint": f"{site}/token",
            "revocation_endpoint": f"{site}/revoke",
            "introspection_endpoint": f"{site}/introspect",
        },
        refresh_scope="refresh_token",
        unechoed_scopes=frozenset({"refresh_token"}),
        base_url_member="instance_url",
    )
