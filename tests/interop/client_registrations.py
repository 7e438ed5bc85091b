"""The clients that are registered at the provider, and a function that makes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aioalf import Client

if TYPE_CHECKING:
    from tests.interop.provider import Provider


@dataclass(frozen=True)
class ClientRegistration:
    """A client that the provider knows.

    `lifetime` and `device_code_lifetime` are how many seconds its access tokens and device codes
    are valid. `extra_metadata` has further members of its registration (RFC 7591).
    """

    client_id: str
    client_secret: str | None = None
    scope: str | None = None
    lifetime: int = 600
    device_code_lifetime: int = 600
    extra_metadata: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def metadata(self) -> Mapping[str, object]:
        """The members of the registration (RFC 7591)."""
        members: Mapping[str, object] = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.scope,
            **self.extra_metadata,
        }
        return {name: value for name, value in members.items() if value is not None}


SCOPE = "things:read things:write"
LOOPBACK_METADATA: Mapping[str, object] = {
    "application_type": "native",  # allows any loopback port (RFC 8252 §7.3)
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": ["http://127.0.0.1"],
    "response_types": ["code"],
}
DEVICE_METADATA: Mapping[str, object] = {
    "application_type": "native",
    "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
}

PLAIN = ClientRegistration("plain", "secret", scope=SCOPE)
SPECIAL = ClientRegistration(
    "glBQ3nYU/8/kaVi/bIgXGA==",
    # A secret is printable ASCII (RFC 6749 Appendix A.2); this one has every special character.
    " \"%&+:/?#[]@!$'()*,;=<>\\^`{|}~-._ ",
    scope="things:read",
)
SHORT_LIVED = ClientRegistration("short-lived", "secret", lifetime=2)
RESOURCE_SERVER = ClientRegistration("resource-server", "resource-server-secret")
"""The resource server, which introspects tokens."""

DESKTOP = ClientRegistration(
    "desktop",
    scope=SCOPE,
    extra_metadata={**LOOPBACK_METADATA, "token_endpoint_auth_method": "none"},
)
"""A public client. Its refresh tokens rotate."""

OFFICE = ClientRegistration(
    "office", "office-secret", scope=SCOPE, extra_metadata=LOOPBACK_METADATA
)
"""A client with a secret. Its refresh tokens do not rotate."""

TELEVISION = ClientRegistration("television", scope=SCOPE, extra_metadata=DEVICE_METADATA)
SHORT_CODE = ClientRegistration(
    "short-code", scope=SCOPE, device_code_lifetime=1, extra_metadata=DEVICE_METADATA
)
"""A device with codes that expire after a second."""


def make_client(
    provider: "Provider", registration: ClientRegistration, **options: object
) -> Client:
    """Return a `Client` for this registration that discovers the provider."""
    return Client(
        registration.client_id,
        registration.client_secret,
        issuer=provider.issuer,
        **options,  # type: ignore[arg-type]
    )
