"""The clients that are registered at the provider, and how ours are made for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aioalf import Client

if TYPE_CHECKING:
    from tests.interop.provider import Provider


@dataclass(frozen=True)
class Registered:
    """A client that the provider knows; its access tokens live for `lifetime` seconds.

    `patience` is for how many seconds its device codes live, and `more` what else its metadata
    says, by the names of RFC 7591.
    """

    client_id: str
    client_secret: str | None = None
    scope: str | None = None
    lifetime: int = 600
    patience: int = 600
    more: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def metadata(self) -> Mapping[str, object]:
        """What is registered, as RFC 7591 names it."""
        members: Mapping[str, object] = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.scope,
            **self.more,
        }
        return {name: value for name, value in members.items() if value is not None}


SCOPE = "things:read things:write"
BY_LOOPBACK: Mapping[str, object] = {
    "application_type": "native",  # whose ports on loopback may be any (RFC 8252 §7.3)
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": ["http://127.0.0.1"],
    "response_types": ["code"],
}
BY_DEVICE: Mapping[str, object] = {
    "application_type": "native",
    "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
}

PLAIN = Registered("plain", "secret", scope=SCOPE)
SPECIAL = Registered(
    "glBQ3nYU/8/kaVi/bIgXGA==",
    # The standard has secrets of printable ASCII (RFC 6749, App. A.2): here is all that is special.
    " \"%&+:/?#[]@!$'()*,;=<>\\^`{|}~-._ ",
    scope="things:read",
)
SHORT_LIVED = Registered("short-lived", "secret", lifetime=2)
AT_THE_PROVIDER = Registered("resource-server", "resource-server-secret")
"""The resource server, which asks the provider about tokens."""

DESKTOP = Registered(
    "desktop", scope=SCOPE, more={**BY_LOOPBACK, "token_endpoint_auth_method": "none"}
)
"""A public client, whose refresh tokens rotate."""

OFFICE = Registered("office", "office-secret", scope=SCOPE, more=BY_LOOPBACK)
"""A client with a secret, whose refresh tokens stay the same."""

TELEVISION = Registered("television", scope=SCOPE, more=BY_DEVICE)
IMPATIENT = Registered("impatient", scope=SCOPE, patience=1, more=BY_DEVICE)
"""A device whose codes are soon over."""


def client_of(provider: "Provider", registered: Registered, **options: object) -> Client:
    """A client of ours that is registered as this one, and finds the provider by its issuer."""
    return Client(
        registered.client_id,
        registered.client_secret,
        issuer=provider.issuer,
        **options,  # type: ignore[arg-type]
    )
