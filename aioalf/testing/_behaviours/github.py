"""GitHub, an app whose tokens expire: scopes with commas, and errors with status 200."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal

_WORDS = {"invalid_client": "incorrect_client_credentials"}


def _token_response(members: Members, params: Params) -> Members:
    del params
    scope = str(members.get("scope", "")).split()
    if "user" in scope:
        scope = [word for word in scope if word != "user:email"]
    changed = {**members, "scope": ",".join(scope), "token_type": "bearer"}
    if "refresh_token" in members:
        changed["refresh_token_expires_in"] = 15811200
    return changed


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    word = _WORDS.get(refusal.error, refusal.error)
    if refusal.error == "invalid_grant":
        word = "bad_refresh_token" if "refresh_token" in params else "bad_verification_code"
    members: Members = {
        "error": word,
        "error_description": refusal.description,
        "error_uri": "https://docs.github.com",
    }
    if word == "slow_down":
        members["interval"] = 10
    return 200, members


GITHUB = Behaviour(
    options={"expires_in": 28800, "allow_body_secret": True},
    token_prefix="ghu_",
    refresh_token_prefix="ghr_",
    token_headers={"Accept": "application/json"},
    token_response=_token_response,
    error_response=_error_response,
    api_headers={"User-Agent": None},
)
