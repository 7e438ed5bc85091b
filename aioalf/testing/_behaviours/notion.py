"""Notion: JSON requests, no lifetime and no scope, and a version in each API request."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {**members, "token_type": "bearer", "bot_id": "b1", "workspace_id": "w1"}
    changed |= {"workspace_name": "Example", "owner": {"type": "user"}}
    changed |= {"duplicated_template_id": None, "request_id": "r1"}
    return {name: each for name, each in changed.items() if name not in {"expires_in", "scope"}}


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    del params
    members = {"error": refusal.error, "error_description": refusal.description}
    return refusal.status, {**members, "request_id": "r1"}


NOTION = Behaviour(
    token_prefix="ntn_",
    refresh_token_prefix="nrt_",
    request_body="json",
    authorization_params={"owner": "user"},
    token_response=_token_response,
    error_response=_error_response,
    api_headers={"Notion-Version": None},
)
