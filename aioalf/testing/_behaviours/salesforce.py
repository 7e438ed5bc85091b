"""Salesforce: no lifetime, the URL of the API in the response, and a refresh token that is kept."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {**members, "id": "https://login.salesforce.com/id/00D/005"}
    changed |= {"issued_at": "1790000000000", "signature": "c2lnbmF0dXJl"}
    del changed["expires_in"]
    scope = str(changed.get("scope", "")).split()
    changed["scope"] = " ".join(word for word in scope if word != "refresh_token")
    return changed


SALESFORCE = Behaviour(
    options={"allow_body_secret": True},
    token_prefix="00D5g000004!AQ",
    asks_offline=lambda params: "refresh_token" in params.get("scope", "").split(),
    refresh_answer="absent",
    token_response=_token_response,
    api_url_member="instance_url",
)
