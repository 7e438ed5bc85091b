"""Spotify: PKCE or a secret, not both; a refresh with a secret has no new refresh token."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        return 400, {"error": "invalid_grant", "error_description": "Refresh token revoked"}
    return refusal.status, {"error": refusal.error, "error_description": refusal.description}


SPOTIFY = Behaviour(
    options={"client_auth_methods": ("client_secret_basic", "none")},
    pkce="public",
    refresh_answer="absent",
    error_response=_error_response,
)
