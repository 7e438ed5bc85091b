"""`Behaviour`: how the server of one provider differs from the standards, for `OAuthServer`.

Plain data and pure functions. Must not know the client side of aioalf, nor HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

Members: TypeAlias = dict[str, Any]
"""The members of a JSON response."""

Params: TypeAlias = Mapping[str, str]
"""The parameters of a request."""


class Refusal(NamedTuple):
    """An error of the standard that the server is about to send (RFC 6749 §5.2)."""

    error: str
    description: str
    status: int


def _standard_token(members: Members, params: Params) -> Members:
    del params
    return members


def _standard_error(refusal: Refusal, params: Params) -> tuple[int, Members]:
    del params
    return refusal.status, {"error": refusal.error, "error_description": refusal.description}


def _empty() -> dict[str, Any]:
    return {}


def _always(params: Params) -> bool:
    del params
    return True


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """The behaviour of one provider's server. The defaults follow the standards.

    Attributes:
        options: Options of `OAuthServer` that differ from its defaults, such as ``expires_in``.
        token_prefix: The beginning of each access token.
        refresh_token_prefix: The beginning of each refresh token.
        request_body: The accepted bodies of token requests.
        scope_separator: The character between two scopes in a request.
        pkce: Whether PKCE is for all clients, or only for a ``public`` one: then a client with a
            secret must not send it.
        authorization_params: Parameters that each authorization request must have.
        token_params: Parameters that each token request must have.
        refresh_params: Parameters that each refresh must have.
        grant_types: The grant types of the provider, and the standard ones that they mean.
        token_headers: Headers that each token request must have.
        asks_offline: Tells from the parameters of an authorization request, or of a device or token
            request, whether the response has a refresh token.
        refresh_answer: Whether a refresh ``rotates`` the refresh token, returns the ``same`` one,
            or leaves it out (``absent``), so that the old one stays valid.
        redirect_params: Further parameters of the redirect.
        token_response: Turns standard members of a token response into the provider's members; also
            gets the parameters of the request.
        error_response: Turns an error into the status and the members of the provider.
        api_url_member: The member of a token response that holds the URL of the API, or None.
        device_response: Turns standard members of a device authorization response into the
            provider's members.
        has_service_accounts: Whether assertions of the JWT bearer grant have the scope as a claim,
            and ``sub`` only to act for another user.
        missing_metadata: Members that the server's metadata does not have.
        api_headers: Headers that each API request must have; None as a value accepts any.
    """

    options: Mapping[str, Any] = field(default_factory=_empty)
    token_prefix: str = ""
    refresh_token_prefix: str = ""
    request_body: Literal["form", "json", "both"] = "form"
    scope_separator: str = " "
    pkce: Literal["all", "public"] = "all"
    authorization_params: Params = field(default_factory=_empty)
    token_params: Params = field(default_factory=_empty)
    refresh_params: Params = field(default_factory=_empty)
    grant_types: Params = field(default_factory=_empty)
    token_headers: Params = field(default_factory=_empty)
    asks_offline: Callable[[Params], bool] = _always
    refresh_answer: Literal["rotates", "same", "absent"] = "rotates"
    redirect_params: Params = field(default_factory=_empty)
    token_response: Callable[[Members, Params], Members] = _standard_token
    error_response: Callable[[Refusal, Params], tuple[int, Members]] = _standard_error
    api_url_member: str | None = None
    device_response: Callable[[Members], Members] = lambda members: members
    has_service_accounts: bool = False
    missing_metadata: frozenset[str] = frozenset()
    api_headers: Mapping[str, str | None] = field(default_factory=_empty)


STANDARD = Behaviour()
