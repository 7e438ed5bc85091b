"""Auth0: a refresh token only for offline_access, and status 403 for a dead one."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        description = "Unknown or invalid refresh token."
        return 403, {"error": "invalid_grant", "error_description": description}
    return refusal.status, {"error": refusal.error, "error_description": refusal.description}


AUTH0 = Behaviour(
    options={"expires_in": 86400, "allow_body_secret": True},
    request_body="both",
    asks_offline=lambda params: "offline_access" in params.get("scope", "").split(),
    error_response=_error_response,
)
