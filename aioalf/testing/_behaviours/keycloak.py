"""Keycloak: further members in the response, and the scope in an order of its own."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {**members, "not-before-policy": 0, "session_state": "0b1c2d"}
    if "refresh_token" in members:
        changed["refresh_expires_in"] = 1800
    if "scope" in members:
        changed["scope"] = " ".join(sorted(str(members["scope"]).split(), reverse=True))
    return changed


KEYCLOAK = Behaviour(
    options={"expires_in": 300, "allow_body_secret": True},
    token_response=_token_response,
)
