"""Dropbox: a refresh token on demand, and a refresh that returns a token and a lifetime alone."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    changed = {**members, "token_type": "bearer"}
    if params.get("grant_type") == "refresh_token":
        changed.pop("scope", None)
        return changed
    return {**changed, "uid": "12345", "account_id": "dbid:AAH4"}


DROPBOX = Behaviour(
    options={"expires_in": 14400, "allow_body_secret": True},
    token_prefix="sl.",
    asks_offline=lambda params: params.get("token_access_type") == "offline",
    refresh_answer="absent",
    token_response=_token_response,
)
