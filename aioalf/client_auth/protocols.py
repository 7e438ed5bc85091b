"""What a method of client authentication is (RFC 6749 §2.3).

It knows nothing of grants and of sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext
from typing import Protocol

from aioalf.client_auth.credentials import Credentials

MutableForm = dict[str, str | tuple[str, ...]]
"""The parameters of a request that is being put together."""


class ClientAuth(Protocol):
    """One method of client authentication."""

    @property
    def method(self) -> str:
        """Its name in a server's metadata (RFC 8414 §2)."""
        ...

    @property
    def ssl_context(self) -> SSLContext | None:
        """What connections are made with that prove who the client is; None for all others."""
        ...

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Return the header fields that authenticate the request; its form gets what belongs there.

        `audience` is who the proof is for: the issuer, or the token endpoint where none is known.
        Raises TokenConfigurationError when the credentials do not serve for this method.
        """
        ...
