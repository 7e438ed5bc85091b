"""Google: renamed scopes, refresh tokens on demand, and device polls with other statuses."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal

_USERINFO = "https://www.googleapis.com/auth/userinfo."
_POLLING = {"authorization_pending": 428, "slow_down": 403, "access_denied": 403}


def _token_response(members: Members, params: Params) -> Members:
    del params
    scope = " ".join(
        f"{_USERINFO}{word}" if word in {"email", "profile"} else word
        for word in str(members.get("scope", "")).split()
    )
    return {**members, "scope": scope}


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    status = _POLLING.get(refusal.error, refusal.status)
    description = refusal.description
    if refusal.error == "invalid_grant" and "refresh_token" in params:
        description = "Token has been expired or revoked."
    return status, {"error": refusal.error, "error_description": description}


def _device_response(members: Members) -> Members:
    renamed = {**members, "verification_url": members["verification_uri"]}
    for name in ("verification_uri", "verification_uri_complete"):
        del renamed[name]
    return renamed


GOOGLE = Behaviour(
    options={"expires_in": 3599, "allow_body_secret": True},
    token_prefix="ya29.",
    refresh_token_prefix="1//",
    asks_offline=lambda params: (
        params.get("access_type") == "offline" or "response_type" not in params
    ),
    refresh_answer="absent",
    token_response=_token_response,
    error_response=_error_response,
    device_response=_device_response,
    has_service_accounts=True,
)
