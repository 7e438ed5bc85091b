"""Client authentication with an assertion that is made elsewhere (RFC 7521 §4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from ssl import SSLContext

from aioalf._hidden_repr import MaskedStr
from aioalf._masking import Unpicklable
from aioalf._secret_source import SecretSource, check_secret_source, check_text, secret_value
from aioalf.client_auth._assertion import JWT_BEARER
from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.client_auth.protocols import MutableForm


class ClientAssertion(Unpicklable):
    """Send an assertion of another party, such as the identity token of a platform.

    Args:
        source: The assertion, or a function that returns it and is called for each request: a
            coroutine function, a plain function, which runs in a thread, or a `SecretFile`.
        type: The ``client_assertion_type``; by default the type of a JWT (RFC 7523 §2.2).
        send_client_id: Send the client id as well. It is optional, since the assertion may name the
            client (RFC 7521 §4.2).

    Raises:
        TokenConfigurationError: An argument is invalid.
    """

    method: str = "client_assertion"
    ssl_context: SSLContext | None = None

    def __init__(
        self,
        source: SecretSource,
        type: str = JWT_BEARER,  # noqa: A002 - as in client_assertion_type
        *,
        send_client_id: bool = True,
    ) -> None:
        self._source = check_secret_source("source", source)
        self._type = check_text("type", type)
        self._send_client_id = send_client_id

    @property
    def key_digest(self) -> str | None:
        """A digest of the assertion, for cache keys; None if a function returns it."""
        return None if callable(self._source) else sha256(self._source.encode()).hexdigest()

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Add the assertion to the form; no header is needed.

        Raises:
            TokenConfigurationError: The client id is missing, or the function does not return text.
            TokenError: The function raised an exception.
        """
        if self._send_client_id:
            form["client_id"] = require_client_id(credentials.client_id)
        form["client_assertion_type"] = self._type
        form["client_assertion"] = MaskedStr(await secret_value("client assertion", self._source))
        return {}
