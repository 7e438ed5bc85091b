"""Atlassian: required parameters of the sign-in, and status 403 for a dead refresh token."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    if refusal.error == "invalid_client":
        return 401, {"error": "access_denied", "error_description": "Unauthorized"}
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        description = "Unknown or invalid refresh token."
        return 403, {"error": "invalid_grant", "error_description": description}
    return refusal.status, {"error": refusal.error, "error_description": refusal.description}


ATLASSIAN = Behaviour(
    options={"client_auth_methods": ("client_secret_post", "none"), "allow_body_secret": True},
    request_body="both",
    authorization_params={"audience": "api.atlassian.com", "prompt": "consent"},
    asks_offline=lambda params: "offline_access" in params.get("scope", "").split(),
    error_response=_error_response,
)
