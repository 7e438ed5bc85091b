"""Fitbit: errors as a list, which quote the refresh token."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "user_id": "26FWFL"}


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    message = refusal.description
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        message = f"Refresh token invalid: {params['refresh_token']}"
    errors = [{"errorType": refusal.error, "message": message}]
    return refusal.status, {"errors": errors, "success": False}


FITBIT = Behaviour(
    options={"expires_in": 28800, "client_auth_methods": ("client_secret_basic", "none")},
    token_response=_token_response,
    error_response=_error_response,
)
