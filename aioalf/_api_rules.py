"""The form in which an API wants the token: scheme, header, further headers, and base URL.

Values that a token manager keeps for `Client` and `OAuth2Middleware`. Must not know requests or
tokens.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from yarl import URL

from aioalf.errors import TokenConfigurationError

AUTHORIZATION: Final = "Authorization"
_BEARER: Final = "Bearer"
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # RFC 9110 §5.6.2
_CONTROL_CHARACTER: Final = r"[\x00-\x1f\x7f]"
_UNUSABLE_HEADERS: Final = frozenset(
    {
        *("connection", "content-length", "content-type", "cookie", "host", "proxy-authorization"),
        "transfer-encoding",
    }
)
"""Headers that a token header must not replace; no token is sent in a cookie (RFC 6750 §5.3)."""


class ApiRules(NamedTuple):
    """The form in which an API wants the token. By default, as in RFC 6750 §2.1."""

    scheme: str = _BEARER
    """The authentication scheme, or "" to send the token alone."""
    header: str = AUTHORIZATION
    """The header that carries the token."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Further headers of requests that carry the token."""
    base_url: str | URL | None = None
    """The URL that a path alone is joined with."""
    base_url_member: str | None = None
    """The member of the token response that holds this URL."""

    @property
    def prefix(self) -> str:
        """The text before the token in the header."""
        return f"{self.scheme} " if self.scheme else ""


DEFAULT_RULES: Final = ApiRules()
"""Shared by all managers without other rules, to save memory."""


def read_api_rules(
    scheme: str | None = None,
    header: str | None = None,
    headers: Mapping[str, str] | None = None,
    base_url: str | URL | None = None,
    base_url_member: str | None = None,
) -> ApiRules:
    """Return the rules that the options of a manager name; None means the default.

    Another header than Authorization has no scheme by default. Raises TokenConfigurationError.
    """
    header = AUTHORIZATION if header is None else _read_header(header)
    if scheme is None:
        scheme = _BEARER if header == AUTHORIZATION else ""
    elif not isinstance(scheme, str) or not re.fullmatch(rf"({_WORD})?", scheme):
        raise TokenConfigurationError(
            "token_scheme must be one word such as 'Bearer', or '' to send the token alone"
        )
    if not (base_url_member is None or (isinstance(base_url_member, str) and base_url_member)):
        raise TokenConfigurationError(
            "base_url_member must be the name of a member of the token response, such as "
            "'instance_url'"
        )
    rules = ApiRules(scheme, header, _read_headers(headers, header), base_url, base_url_member)
    return DEFAULT_RULES if rules == DEFAULT_RULES else rules


def _read_header(header: str) -> str:
    if not isinstance(header, str) or not re.fullmatch(_WORD, header):
        raise TokenConfigurationError(
            "token_header must be the name of a header, such as 'X-Access-Token'"
        )
    if header.lower() in _UNUSABLE_HEADERS:
        raise TokenConfigurationError(
            f"token_header cannot be {header}, which has another meaning in HTTP"
        )
    return AUTHORIZATION if header.lower() == AUTHORIZATION.lower() else header


def _read_headers(headers: Mapping[str, str] | None, token_header: str) -> Mapping[str, str]:
    if headers is None:
        return DEFAULT_RULES.headers
    if not isinstance(headers, Mapping):
        raise TokenConfigurationError(
            f"api_headers must be a mapping of names to values, not {type(headers).__name__}"
        )
    for name, value in headers.items():
        if not isinstance(name, str) or not re.fullmatch(_WORD, name):
            raise TokenConfigurationError("api_headers has a name that is not a header name")
        if name.lower() in {token_header.lower(), AUTHORIZATION.lower()}:
            raise TokenConfigurationError(
                f"api_headers must not set {name}, which carries a credential: the client sets it"
            )
        if not isinstance(value, str) or re.search(_CONTROL_CHARACTER, value):
            raise TokenConfigurationError(
                f"api_headers[{name!r}] must be a string without control characters"
            )
    return MappingProxyType(dict(headers))
