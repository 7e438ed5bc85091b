"""eBay: a token_type of two words, tokens with carets, and a refresh token that is kept."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    is_of_a_user = params.get("grant_type") != "client_credentials"
    changed = {name: value for name, value in members.items() if name != "scope"}
    changed["token_type"] = "User Access Token" if is_of_a_user else "Application Access Token"
    if "refresh_token" in changed:
        changed["refresh_token_expires_in"] = 47304000
    return changed


EBAY = Behaviour(
    options={"expires_in": 7200, "client_auth_methods": ("client_secret_basic",)},
    token_prefix="v^1.1#i^1#p^3#r^0#I^3#f^0#t^H4s",
    refresh_token_prefix="v^1.1#i^1#p^3#r^1#I^3#f^0#t^Ul4",
    refresh_answer="absent",
    token_response=_token_response,
)
