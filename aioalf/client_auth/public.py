"""Clients without authentication: they send their id (RFC 6749 §2.1, §3.2.1) or nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext

from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.client_auth.protocols import MutableForm


class PublicClient:
    """Send only the client id, for clients that cannot keep a secret, such as desktop programs.

    A client secret is ignored.
    """

    method: str = "none"
    ssl_context: SSLContext | None = None

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Add the client id to the form; no header is needed.

        Raises:
            TokenConfigurationError: The client id is missing or is not valid text.
        """
        form["client_id"] = require_client_id(credentials.client_id)
        return {}


class AnonymousClient:
    """Send nothing, for grants whose assertion replaces the client's identity (RFC 7521 §4.1)."""

    method: str = "none"
    ssl_context: SSLContext | None = None

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Add nothing."""
        return {}
