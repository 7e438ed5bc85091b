"""No authentication: the client only says its name (RFC 6749 §2.1, §3.2.1). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext

from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.client_auth.protocols import MutableForm


class PublicClient:
    """For a client that can keep no secret, as one on a person's machine: its id is in the form.

    A secret, were there one, is not sent.
    """

    method: str = "none"
    ssl_context: SSLContext | None = None

    async def authenticate(
        self,
        credentials: Credentials,
        form: MutableForm,
        audience: str,  # noqa: ARG002 - nothing is proven, to nobody
    ) -> Mapping[str, str]:
        """Put the id into the form; no header field is needed."""
        form["client_id"] = require_client_id(credentials)
        return {}
