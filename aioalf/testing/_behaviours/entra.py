"""Entra ID: offline_access is never named in a response, and errors have codes and claims."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _token_response(members: Members, params: Params) -> Members:
    del params
    scope = str(members.get("scope", "")).split()
    changed = {**members, "ext_expires_in": 3599, "client_info": "eyJ1aWQiOiIxIn0"}
    changed["scope"] = " ".join(word for word in scope if word != "offline_access")
    return changed


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    members: Members = {
        "error": refusal.error,
        "error_description": f"AADSTS70000: {refusal.description}",
        "error_codes": [70000],
        "trace_id": "t1",
        "correlation_id": "c1",
    }
    if refusal.error == "access_denied":
        members["error"] = "authorization_declined"
    if refusal.error == "invalid_grant" and params.get("refresh_token", "").endswith("mfa"):
        claims = '{"access_token":{"capolids":{"essential":true}}}'
        members |= {"error": "interaction_required", "suberror": "basic_action", "claims": claims}
    return refusal.status, members


ENTRA = Behaviour(
    options={"expires_in": 3599, "allow_body_secret": True},
    asks_offline=lambda params: "offline_access" in params.get("scope", "").split(),
    token_response=_token_response,
    error_response=_error_response,
    missing_metadata=frozenset({"revocation_endpoint", "introspection_endpoint"}),
)
