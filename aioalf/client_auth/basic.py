"""HTTP Basic (RFC 6749 §2.3.1). Pure: credentials in, a header field out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from ssl import SSLContext
from urllib.parse import quote_plus

from aioalf.client_auth.credentials import Credentials, require
from aioalf.client_auth.protocols import MutableForm
from aioalf.errors import TokenConfigurationError


class ClientSecretBasic:
    """HTTP Basic with the client's id and secret: the default (RFC 6749 §2.3.1, RFC 8414 §2).

    Both are form-urlencoded first, as the standard says. ``form_encode=False`` sends them as they
    are, for servers that do not decode them.
    """

    method: str = "client_secret_basic"
    ssl_context: SSLContext | None = None

    def __init__(self, form_encode: bool = True) -> None:  # noqa: FBT001, FBT002 - RFC's way or not
        self._form_encode = form_encode

    async def authenticate(
        self,
        credentials: Credentials,
        form: MutableForm,  # noqa: ARG002 - nothing of Basic is in the form
        audience: str,  # noqa: ARG002 - nor is it for one server only
    ) -> Mapping[str, str]:
        """Return the Authorization field; an empty secret is sent as ``id:``."""
        return {"Authorization": _basic(require(credentials), form_encode=self._form_encode)}


def _basic(pair: tuple[str, str], *, form_encode: bool) -> str:
    client_id, client_secret = (quote_plus(part) for part in pair) if form_encode else pair
    if not form_encode and ":" in client_id:
        raise TokenConfigurationError(
            "a client_id with a colon cannot be sent unencoded in HTTP Basic (RFC 7617 §2): "
            "use form_encode=True"
        )
    return "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode("ascii")
