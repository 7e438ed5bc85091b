"""Twitch: scopes as a list, errors without ``error``, and the client id in each API request."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "token_type": "bearer", "scope": str(members.get("scope", "")).split()}


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        return 400, {"status": 400, "message": "Invalid refresh token"}
    if refusal.error == "invalid_client":
        return 403, {"status": 403, "message": "invalid client secret"}
    return 400, {"status": 400, "message": refusal.description}


TWITCH = Behaviour(
    options={"client_auth_methods": ("client_secret_post", "none"), "allow_body_secret": True},
    token_response=_token_response,
    error_response=_error_response,
    api_headers={"Client-Id": "client-id"},
)
