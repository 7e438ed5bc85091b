"""Slack: errors with status 200, scopes with commas, and a user's token inside another member."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal

_WORDS = {"invalid_client": "bad_client_secret"}


def _token_response(members: Members, params: Params) -> Members:
    del params
    scope = str(members.pop("scope", "")).replace(" ", ",")
    return {
        **members,
        "ok": True,
        "scope": scope,
        "token_type": "bot",
        "bot_user_id": "U0KRQLJ9H",
        "app_id": "A0KRD7HC3",
        "team": {"name": "Example", "id": "T9TK3CUKW"},
        "enterprise": None,
        "is_enterprise_install": False,
        "authed_user": {"id": "U1234"},
    }


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    word = _WORDS.get(refusal.error, refusal.error)
    if refusal.error == "invalid_grant":
        word = "invalid_refresh_token" if "refresh_token" in params else "invalid_code"
    return 200, {"ok": False, "error": word}


SLACK = Behaviour(
    options={"expires_in": 43200, "allow_body_secret": True},
    token_prefix="xoxe.xoxb-1-",
    refresh_token_prefix="xoxe-1-",
    request_body="both",
    scope_separator=",",
    token_response=_token_response,
    error_response=_error_response,
)
