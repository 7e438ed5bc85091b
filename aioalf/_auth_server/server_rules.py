"""Differences of one server's token requests and responses from the standard, as plain data."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

ResponseReader = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Returns the members of a response, also of an error response, by their names in RFC 6749."""


class ServerRules(NamedTuple):
    """The rules of one server. The defaults follow RFC 6749.

    Attributes:
        token_params: Parameters of each token request.
        refresh_params: Parameters of each refresh.
        headers: Headers of each request.
        sends_json: Whether requests are sent as JSON.
        read_response: Turns the members of a response into the members of RFC 6749.
        sign_in_again: Error codes or descriptions for a refresh token that is no longer valid.
        try_later: Error codes or descriptions for a request that may succeed later.
    """

    token_params: Mapping[str, str] = {}
    refresh_params: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    sends_json: bool = False
    read_response: ResponseReader | None = None
    sign_in_again: frozenset[str] = frozenset()
    try_later: frozenset[str] = frozenset()


STANDARD_RULES: Final = ServerRules()
