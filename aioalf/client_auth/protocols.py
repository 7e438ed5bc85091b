"""The protocol of client authentication methods (RFC 6749 §2.3).

This module must not know grants or how requests are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext
from typing import Protocol

from aioalf.client_auth.credentials import Credentials

MutableForm = dict[str, str | tuple[str, ...]]
"""The parameters of a request that has not been sent yet."""


class ClientAuth(Protocol):
    """A method of client authentication."""

    @property
    def method(self) -> str:
        """The name of the method in server metadata (RFC 8414 §2)."""
        ...

    @property
    def ssl_context(self) -> SSLContext | None:
        """The TLS settings with the client's certificate; None to use the usual ones."""
        ...

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Authenticate one request: return its headers, and add parameters to its form.

        Args:
            credentials: The client's id and secret. A secret function has been called already.
            form: The parameters of the request, to be changed in place.
            audience: The server that will check the proof: its issuer, or the URL of the token
                endpoint if the issuer is not known.

        Raises:
            TokenConfigurationError: The credentials cannot be used with this method.
        """
        ...
