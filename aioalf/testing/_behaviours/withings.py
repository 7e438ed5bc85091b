"""Withings: everything inside ``body``, a required action, and errors with status 200."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _token_response(members: Members, params: Params) -> Members:
    del params
    scope = str(members.get("scope", "")).replace(" ", ",")
    return {"status": 0, "body": {**members, "scope": scope, "userid": "363"}}


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        return 200, {"status": 503, "body": {}, "error": "Invalid Params: invalid refresh_token"}
    status = 401 if refusal.error == "invalid_client" else 503
    return 200, {"status": status, "body": {}, "error": refusal.description}


WITHINGS = Behaviour(
    options={
        "expires_in": 10800,
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
    },
    scope_separator=",",
    token_params={"action": "requesttoken"},
    token_response=_token_response,
    error_response=_error_response,
)
