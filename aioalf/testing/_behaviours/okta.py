"""Okta: the scope in any order, and a refresh token only for offline_access."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "scope": " ".join(reversed(str(members.get("scope", "")).split()))}


OKTA = Behaviour(
    options={"allow_body_secret": True},
    asks_offline=lambda params: "offline_access" in params.get("scope", "").split(),
    token_response=_token_response,
)
