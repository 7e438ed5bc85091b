"""Client authentication with mutual TLS: the client's certificate (RFC 8705 §2).

This module holds an SSL context and opens no connection.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from aioalf._error_frames import hide_locals_on_error
from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.client_auth.protocols import MutableForm
from aioalf.errors import TokenConfigurationError

_METHODS: Final = ("tls_client_auth", "self_signed_tls_client_auth")


class TLSClientAuth:
    """Present a client certificate in the TLS handshake; the client id is sent in the form.

    Args:
        ssl_context: A context with the client's certificate and key loaded
            (`ssl.SSLContext.load_cert_chain`). It is used for requests to the authorization server
            only, and overrides ``ssl`` in ``http_options``.
        method: ``tls_client_auth`` for a certificate issued by an authority that the server trusts
            (RFC 8705 §2.1), ``self_signed_tls_client_auth`` for a certificate that is registered at
            the server (§2.2).

    Raises:
        TokenConfigurationError: `ssl_context` is not an SSL context, or `method` is neither of the
            two.
    """

    @hide_locals_on_error
    def __init__(self, ssl_context: ssl.SSLContext, *, method: str = "tls_client_auth") -> None:
        if not isinstance(ssl_context, ssl.SSLContext):
            raise TokenConfigurationError(
                "ssl_context must be an ssl.SSLContext with the client's certificate and key loaded"
            )
        if method not in _METHODS:
            raise TokenConfigurationError(f"method must be {' or '.join(_METHODS)}")
        self.ssl_context: ssl.SSLContext = ssl_context
        self.method: str = method

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Add the client id to the form; the TLS connection does the rest.

        Raises:
            TokenConfigurationError: The client id is missing or is not valid text.
        """
        form["client_id"] = require_client_id(credentials.client_id)
        return {}
