"""How the token requests and responses of one server differ from the standard, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

ResponseReader = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Returns the members of a response, also of an error response, by their names in RFC 6749."""


class ServerRules(NamedTuple):
    """The rules of one server. The defaults are those of RFC 6749.

    `token_params` are parameters of each token request, `refresh_params` of each refresh, `headers`
    of each request. `sends_json` sends requests as JSON. `read_response` turns the server's
    own members into those of the standard. `sign_in_again` and `try_later` are error codes or
    descriptions which say that a refresh token is no longer valid, or that the request may succeed
    later.
    """

    token_params: Mapping[str, str] = {}
    refresh_params: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    sends_json: bool = False
    read_response: ResponseReader | None = None
    sign_in_again: frozenset[str] = frozenset()
    try_later: frozenset[str] = frozenset()
