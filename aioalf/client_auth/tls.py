"""Mutual TLS: the certificate of the connection proves who the client is (RFC 8705 §2).

It holds an SSL context and opens no connection.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.client_auth.protocols import MutableForm
from aioalf.errors import TokenConfigurationError

_METHODS: Final = ("tls_client_auth", "self_signed_tls_client_auth")


class TLSClientAuth:
    """The client's certificate, shown when the connection is made; its id is in the form.

    ``ssl_context`` has the certificate and its key (`ssl.SSLContext.load_cert_chain`), and is used
    for requests to the authorization server only, in the place of one in ``http_options``.
    ``method`` is ``tls_client_auth`` for a certificate of an authority that the server trusts,
    ``self_signed_tls_client_auth`` for one that is registered itself (§2.1, §2.2). Raises
    TokenConfigurationError for anything else.
    """

    def __init__(self, ssl_context: ssl.SSLContext, *, method: str = "tls_client_auth") -> None:
        if not isinstance(ssl_context, ssl.SSLContext):
            raise TokenConfigurationError(
                "ssl_context must be an ssl.SSLContext with the client's certificate and key loaded"
            )
        if method not in _METHODS:
            raise TokenConfigurationError(f"method must be {' or '.join(_METHODS)}")
        self._ssl_context = ssl_context
        self._method = method

    @property
    def method(self) -> str:
        """Its name in a server's metadata."""
        return self._method

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """What connections are made with."""
        return self._ssl_context

    async def authenticate(
        self,
        credentials: Credentials,
        form: MutableForm,
        audience: str,  # noqa: ARG002 - the connection is to one server
    ) -> Mapping[str, str]:
        """Put the id into the form; the rest is the connection's."""
        form["client_id"] = require_client_id(credentials)
        return {}
