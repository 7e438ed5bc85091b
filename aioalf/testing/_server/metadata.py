"""The authorization server metadata: issuer, endpoint URLs and enabled features.

RFC 8414, OpenID Connect Discovery 1.0, RFC 8705 §5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aioalf.testing._server import jwt_assertions
from aioalf.testing._server.grants import DeviceCodeGrant
from aioalf.testing.settings import Json, Settings

_OAUTH_WELL_KNOWN = "/.well-known/oauth-authorization-server"
_OPENID_WELL_KNOWN = "/.well-known/openid-configuration"

ENDPOINT_PATHS: Mapping[str, str] = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "pushed_authorization_request_endpoint": "/par",
    "device_authorization_endpoint": "/device_authorization",
    "revocation_endpoint": "/revoke",
    "introspection_endpoint": "/introspect",
}
"""The path of each endpoint below the issuer, by its name in the metadata."""

DEVICE_PAGE_PATH = "/device"

_NOT_FOR_MTLS = ("authorization_endpoint",)  # opened by a browser without client certificate


def well_known_paths(settings: Settings) -> list[str]:
    """Return the enabled paths: inserted before the issuer's path, or appended to it (§3.1)."""
    base = settings.issuer_path.rstrip("/")
    oauth = [_OAUTH_WELL_KNOWN + base] if settings.oauth_metadata else []
    return oauth + ([base + _OPENID_WELL_KNOWN] if settings.openid_metadata else [])


def metadata(
    settings: Settings,
    origin: str,
    *,
    grant_types: Sequence[str],
    auth_methods: Sequence[str],
    mtls_origin: str | None,
) -> dict[str, Json]:
    """Return the metadata."""
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
            if name not in _NOT_FOR_MTLS
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
    """Return the algorithms, which are required if JWT methods are listed (RFC 8414 §2)."""
    algorithms = {
        "client_secret_jwt": jwt_assertions.HMAC_ALGORITHMS,
        "private_key_jwt": jwt_assertions.SIGNATURE_ALGORITHMS,
    }
    names = [name for method in auth_methods for name in algorithms.get(method, ())]
    return {"token_endpoint_auth_signing_alg_values_supported": names} if names else {}
