"""Discord: tokens for a week, and parameters of a bot in the redirect."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour

DISCORD = Behaviour(
    options={"expires_in": 604800, "allow_body_secret": True},
    redirect_params={"guild_id": "290926798626357999", "permissions": "8"},
)
