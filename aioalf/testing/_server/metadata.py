"""What the server says of itself: its issuer, its endpoints, and what is switched on.

RFC 8414, OpenID Connect Discovery 1.0, RFC 8705 §5. Plain values; knows no sockets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aioalf.testing._server.client_auth import jose
from aioalf.testing._server.grants.device_code import DeviceCodeGrant
from aioalf.testing.settings import Json, Settings

OAUTH_WELL_KNOWN = "/.well-known/oauth-authorization-server"
OPENID_WELL_KNOWN = "/.well-known/openid-configuration"

ENDPOINT_PATHS: Mapping[str, str] = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "pushed_authorization_request_endpoint": "/par",
    "device_authorization_endpoint": "/device_authorization",
    "revocation_endpoint": "/revoke",
    "introspection_endpoint": "/introspect",
}
"""Where each endpoint is below the issuer, by its name in the metadata."""

DEVICE_PAGE_PATH = "/device"

_NOT_FOR_CLIENTS = ("authorization_endpoint",)  # a browser opens it: it has no client certificate


def well_known_paths(settings: Settings) -> list[str]:
    """Where the metadata is: inserted before the issuer's path, and appended to it (§3.1)."""
    base = settings.issuer_path.rstrip("/")
    oauth = [OAUTH_WELL_KNOWN + base] if settings.oauth_metadata else []
    return oauth + ([base + OPENID_WELL_KNOWN] if settings.openid_metadata else [])


def metadata(
    settings: Settings,
    origin: str,
    *,
    grant_types: Sequence[str],
    auth_methods: Sequence[str],
    mtls_origin: str | None,
) -> dict[str, Json]:
    """The members; an endpoint is there if what it is for is switched on."""
    base = settings.issuer_path.rstrip("/")
    endpoints = _endpoints(grant_types)
    members: dict[str, Json] = {
        "issuer": origin + settings.issuer_path,
        **{name: origin + base + path for name, path in endpoints.items()},
        "response_types_supported": ["code", "token"],
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": list(grant_types),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(auth_methods),
        **_signing_algorithms(auth_methods),
        "revocation_endpoint_auth_methods_supported": list(auth_methods),
        "introspection_endpoint_auth_methods_supported": [
            method for method in auth_methods if method != "none"
        ],
        "authorization_response_iss_parameter_supported": settings.iss_parameter,
        "require_pushed_authorization_requests": settings.require_pushed_authorization_requests,
    }
    if mtls_origin is not None:
        members["mtls_endpoint_aliases"] = {
            name: mtls_origin + base + path
            for name, path in endpoints.items()
            if name not in _NOT_FOR_CLIENTS
        }
    return members


def _endpoints(grant_types: Sequence[str]) -> dict[str, str]:
    has_device = DeviceCodeGrant.name in grant_types
    return {
        name: path
        for name, path in ENDPOINT_PATHS.items()
        if has_device or name != "device_authorization_endpoint"
    }


def _signing_algorithms(auth_methods: Sequence[str]) -> dict[str, Json]:
    """RFC 8414 §2: to be said where a client may authenticate with a JSON Web Token."""
    algorithms = {
        "client_secret_jwt": jose.HMAC_ALGORITHMS,
        "private_key_jwt": jose.SIGNATURE_ALGORITHMS,
    }
    known = [name for method in auth_methods for name in algorithms.get(method, ())]
    return {"token_endpoint_auth_signing_alg_values_supported": known} if known else {}
