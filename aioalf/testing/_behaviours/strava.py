"""Strava: the scope in the redirect alone, and errors as a list."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal

_RESOURCES = {
    "invalid_client": ("Application", "client_id"),
    "invalid_grant": ("AuthorizationCode", "code"),
}


def _token_response(members: Members, params: Params) -> Members:
    changed = {name: value for name, value in members.items() if name != "scope"}
    changed["expires_at"] = 4000000000
    if params.get("grant_type") == "authorization_code":
        changed["athlete"] = {"id": 227615}
    return changed


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    resource, name = _RESOURCES.get(refusal.error, ("Application", "unknown"))
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        resource, name = "RefreshToken", "refresh_token"
    errors = [{"resource": resource, "field": name, "code": "invalid"}]
    status = 401 if refusal.error == "invalid_client" else 400
    message = "Authorization Error" if status == 401 else "Bad Request"
    return status, {"message": message, "errors": errors}


STRAVA = Behaviour(
    options={
        "expires_in": 21600,
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
    },
    scope_separator=",",
    redirect_params={"scope": "read,activity:read"},
    token_response=_token_response,
    error_response=_error_response,
)
