"""HubSpot: the same refresh token again, and errors without the member ``error``."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal

_STATUSES = {"invalid_client": "BAD_CLIENT_SECRET", "invalid_grant": "BAD_AUTH_CODE"}


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {**members, "token_type": "bearer"}
    changed.pop("scope", None)
    return changed


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    word = _STATUSES.get(refusal.error, refusal.error)
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        word = "BAD_REFRESH_TOKEN"
    return 400, {"status": word, "message": refusal.description}


HUBSPOT = Behaviour(
    options={
        "expires_in": 1800,
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
    },
    refresh_answer="same",
    token_response=_token_response,
    error_response=_error_response,
)
