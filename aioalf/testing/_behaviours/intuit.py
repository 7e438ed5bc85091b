"""Intuit: the company in the redirect, no scope in the response, a new refresh token each time."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {name: value for name, value in members.items() if name != "scope"}
    return {**changed, "token_type": "bearer", "x_refresh_token_expires_in": 8726400}


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    description = refusal.description
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        description = "Incorrect Token type or clientID"
    return refusal.status, {"error": refusal.error, "error_description": description}


INTUIT = Behaviour(
    options={"client_auth_methods": ("client_secret_basic",)},
    refresh_token_prefix="RT1-",
    redirect_params={"realmId": "4620816365"},
    token_response=_token_response,
    error_response=_error_response,
)
