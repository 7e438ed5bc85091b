"""GitLab: both tokens rotate, and the response has the time of its creation."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "created_at": 1790000000}


GITLAB = Behaviour(
    options={"expires_in": 7200, "allow_body_secret": True},
    token_response=_token_response,
)
