"""Client authentication with HTTP Basic (RFC 6749 §2.3.1). Pure: credentials in, header out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from ssl import SSLContext
from urllib.parse import quote_plus

from aioalf.client_auth.credentials import (
    Credentials,
    require_client_id,
    require_id_and_secret,
)
from aioalf.client_auth.protocols import MutableForm
from aioalf.errors import TokenConfigurationError


class ClientSecretBasic:
    """Send the client id and secret with HTTP Basic (RFC 6749 §2.3.1).

    Args:
        form_encode: Form-urlencode the id and the secret first, as RFC 6749 requires. Pass False
            for servers that do not decode them.
    """

    method: str = "client_secret_basic"
    ssl_context: SSLContext | None = None

    def __init__(self, form_encode: bool = True) -> None:  # noqa: FBT001, FBT002 - the only option
        self._form_encode = form_encode

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Return the Authorization header. An empty secret is sent as ``id:``.

        Raises:
            TokenConfigurationError: The id or the secret is missing or is not valid text, or the id
                contains a colon and is not encoded.
        """
        if not self._form_encode and ":" in require_client_id(credentials.client_id):
            raise TokenConfigurationError(
                "A client_id with a colon cannot be sent unencoded in HTTP Basic (RFC 7617 §2): "
                "use form_encode=True"
            )
        pair = require_id_and_secret(credentials)
        joined = ":".join(map(quote_plus, pair) if self._form_encode else pair)
        return {"Authorization": "Basic " + b64encode(joined.encode()).decode("ascii")}
