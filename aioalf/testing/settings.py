"""The options of `OAuthServer`. The server reads them at each request, so tests can change them.

Plain values: must not know HTTP.
"""

from __future__ import annotations

import enum
import math
from collections import UserDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Final, Protocol, TypeAlias

from aioalf.testing.behaviour import STANDARD, Behaviour
from aioalf.testing.endpoint_names import Endpoint, check_endpoint
from aioalf.testing.faults import Fault
from aioalf.testing.records import RecordedRequest

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""Any JSON value."""


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""In place of a value: leave this member out of the response."""

REALM = "aioalf.testing"


class ResponseChanges(UserDict[Endpoint, "Mapping[str, Json | Missing]"]):
    """For each endpoint, the members to replace in its normal responses.

    An unknown endpoint name raises KeyError.
    """

    def __setitem__(self, endpoint: Endpoint, members: Mapping[str, Json | Missing]) -> None:
        super().__setitem__(check_endpoint(endpoint), members)


class DescribedProvider(Protocol):
    """The facts about an `aioalf.providers.Provider` that the server needs."""

    @property
    def name(self) -> str:
        """The name of the provider."""
        ...

    @property
    def issuer(self) -> str | None:
        """Its issuer."""
        ...

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Its endpoints."""
        ...

    @property
    def base_url(self) -> str | None:
        """The URL of its API."""
        ...


@dataclass(kw_only=True, eq=False, repr=False)
class Settings:
    """The options of `OAuthServer`: keyword arguments, and attributes that tests can set later."""

    expires_in: Json | Missing = 3600
    """The ``expires_in`` of token responses, sent unchanged; `MISSING` leaves it out.

    A positive number, also as a string, is the lifetime of the access token in seconds. With any
    other value the token is valid until it is revoked.
    """
    token_type: str = "Bearer"
    """The ``token_type`` of token responses."""
    token_header: str = "Authorization"
    """The header in which the API expects the access token."""
    token_scheme: str | None = None
    """The authentication scheme that the API expects there; ``""`` is the token alone.

    None is ``Bearer`` in ``Authorization``, and the token alone in another header.
    """
    challenge: str = f'Bearer realm="{REALM}", error="invalid_token"'
    """The ``WWW-Authenticate`` header of the API's 401 for an invalid token; ``""`` sends none."""
    token_fault: Fault | None = None
    """The fault of the token endpoint; the same as ``faults["token"]``."""
    api_fault: Fault | None = None
    """The fault of the API; the same as ``faults["api"]``."""
    changes: ResponseChanges = field(default_factory=ResponseChanges)
    """For each endpoint, the members to replace in its normal responses.

    `MISSING` as a value leaves the member out.
    """
    allow_body_secret: bool = False
    """Also accept ``client_id`` and ``client_secret`` in the form (RFC 6749 §2.3.1)."""
    decode_basic: bool = True
    """Form-decode client id and secret of HTTP Basic, as RFC 6749 §2.3.1 requires.

    Some servers do not decode them: set False to act like those.
    """
    client_auth_methods: Collection[str] | None = None
    """The accepted client authentication methods, by their registered names; None accepts all."""
    assertion_audience: str | None = None
    """The required ``aud`` of a client assertion; None requires the issuer."""
    ssl_context: SSLContext | None = None
    """Serve the authorization server over HTTPS. Set it before the server starts."""
    mtls_context: SSLContext | None = None
    """Also serve the authorization server over HTTPS for clients with a certificate (RFC 8705 §5).

    It gets a port of its own. The context has to request a client certificate (``verify_mode``).
    Set it before the server starts.
    """
    port: int | None = None
    """The port of the authorization server; None uses a free one. Set it before the start."""
    api_port: int | None = None
    """The port of the API; None uses a free one. Set it before the start."""
    on_request: Callable[[RecordedRequest], object] | None = None
    """Called with each request when it has ended, after it was added to ``log``."""
    issuer_path: str = ""
    """The path of the issuer, for example ``"/tenant/one"``; the endpoints are below it."""
    oauth_metadata: bool = True
    """Serve ``/.well-known/oauth-authorization-server`` (RFC 8414)."""
    openid_metadata: bool = True
    """Serve ``/.well-known/openid-configuration`` (OpenID Connect Discovery)."""
    grant_types: Collection[str] | None = None
    """The supported grant types; None supports all."""
    login_lifetime: float = 600.0
    """Seconds until a login page expires."""
    users: Collection[str] | None = None
    """The names that users can sign in with; None accepts any name."""
    auto_sign_in: str | None = None
    """The name of a user who is already signed in: the server redirects without a login page."""
    code_lifetime: float = 60.0
    """Seconds until an authorization code expires."""
    require_pkce: bool = True
    """Refuse an authorization request for a code without ``code_challenge`` (RFC 7636)."""
    iss_parameter: bool = True
    """Send ``iss`` in authorization responses, and announce it in the metadata (RFC 9207)."""
    require_pushed_authorization_requests: bool = False
    """Accept only authorization requests that were pushed before (RFC 9126)."""
    pushed_request_lifetime: float = 60.0
    """Seconds until a pushed authorization request expires."""
    refresh_tokens: bool = True
    """Issue refresh tokens after a sign-in, to clients that were added with ``offline=True``."""
    offline_access_scope: bool = False
    """Issue refresh tokens only if the scope contains ``offline_access``."""
    rotate_refresh_tokens: bool = True
    """Replace a refresh token at each use. Using it again revokes all tokens of its sign-in."""
    refresh_token_lifetime: float = math.inf
    """Seconds until a refresh token expires."""
    device_interval: float = 5
    """Seconds between two polls of a device. Faster polls get ``slow_down``, which adds 5."""
    device_slow_down: bool = True
    """Enforce the polling interval."""
    device_code_lifetime: float = 600.0
    """Seconds until a device code expires."""
    resources: Collection[str] | None = None
    """The accepted values of ``resource`` and ``audience``; None accepts all."""

    behaves_like: DescribedProvider | None = None
    """Answer as this provider of `aioalf.providers` does. Set it before the server starts."""
    behaviour: Behaviour = STANDARD
    """The differences from the standards; ``behaves_like`` sets them."""

    @property
    def rotates(self) -> bool:
        """Whether a refresh token is replaced at each use."""
        return self.rotate_refresh_tokens and self.behaviour.refresh_answer == "rotates"

    def requires_pkce(self, *, is_public: bool) -> bool:
        """Whether a client has to send PKCE; if not, `refuses_pkce` says if it may."""
        return self.require_pkce and not self.refuses_pkce(is_public=is_public)

    def refuses_pkce(self, *, is_public: bool) -> bool:
        """Whether a client must not send PKCE."""
        return self.behaviour.pkce == "public" and not is_public

    @property
    def requests_client_certificates(self) -> bool:
        """Whether clients can authenticate with TLS certificates."""
        contexts = (self.ssl_context, self.mtls_context)
        return any(context is not None and context.verify_mode != 0 for context in contexts)
