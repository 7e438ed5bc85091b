"""Zoom: an error with a reason, and the grant of a server-to-server app."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "token_type": "bearer", "api_url": "https://api.zoom.us"}


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    reason = refusal.description
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        reason = "Invalid Token!"
    return refusal.status, {"reason": reason, "error": refusal.error}


ZOOM = Behaviour(
    options={"expires_in": 3599, "client_auth_methods": ("client_secret_basic",)},
    grant_types={"account_credentials": "client_credentials"},
    token_response=_token_response,
    error_response=_error_response,
)
