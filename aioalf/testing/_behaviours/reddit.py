"""Reddit: HTTP Basic alone, a refresh token on demand, and a telling User-Agent."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "token_type": "bearer"}


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    del params
    if refusal.error == "invalid_client":
        return 401, {"message": "Unauthorized", "error": 401}
    return 400, {"error": refusal.error}


REDDIT = Behaviour(
    options={"client_auth_methods": ("client_secret_basic",)},
    token_headers={"User-Agent": "linux:com.example.program:1.0 (by /u/example)"},
    authorization_params={"response_type": "code"},
    asks_offline=lambda params: params.get("duration") == "permanent",
    refresh_answer="same",
    token_response=_token_response,
    error_response=_error_response,
    api_headers={"User-Agent": "linux:com.example.program:1.0 (by /u/example)"},
)
