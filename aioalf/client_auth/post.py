"""Client authentication with the secret in the form (RFC 6749 §2.3.1). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext

from aioalf.client_auth.credentials import Credentials, require_id_and_secret
from aioalf.client_auth.protocols import MutableForm


class ClientSecretPost:
    """Send the client id and secret as form parameters, for servers that do not support Basic.

    RFC 6749 §2.3.1 recommends against it, so by default it is used only if the server does not list
    or does not accept HTTP Basic. An empty secret is left out.
    """

    method: str = "client_secret_post"
    ssl_context: SSLContext | None = None

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Add id and secret to the form; no header is needed.

        Raises:
            TokenConfigurationError: The id or the secret is missing or is not valid text.
        """
        form["client_id"], client_secret = require_id_and_secret(credentials)
        if client_secret:
            form["client_secret"] = client_secret
        return {}
