"""The client's secret in the form (RFC 6749 §2.3.1). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext

from aioalf.client_auth.credentials import Credentials, require
from aioalf.client_auth.protocols import MutableForm


class ClientSecretPost:
    """The client's id and secret as parameters of the form, for servers that do not take Basic.

    The standard advises against it, so it is never what comes without a choice where Basic will do
    (RFC 6749 §2.3.1). An empty secret is not sent.
    """

    method: str = "client_secret_post"
    ssl_context: SSLContext | None = None

    async def authenticate(
        self,
        credentials: Credentials,
        form: MutableForm,
        audience: str,  # noqa: ARG002 - a secret is for whoever it is sent to
    ) -> Mapping[str, str]:
        """Put id and secret into the form; no header field is needed."""
        form["client_id"], client_secret = require(credentials)
        if client_secret:
            form["client_secret"] = client_secret
        return {}
