"""The URL of a request: a path alone is joined with the base URL, and the origin is checked.

Must not know sessions or how tokens are fetched.
"""

from __future__ import annotations

from typing import Final, NoReturn

from aiohttp import ClientSession, InvalidURL, InvalidUrlClientError
from aiohttp.typedefs import StrOrURL
from yarl import URL

from aioalf._api_rules import ApiRules
from aioalf._requests.origin_policy import OriginPolicy, origin_of
from aioalf._urls import is_insecure, parse_endpoint, redact_url
from aioalf.errors import TokenConfigurationError, TokenError
from aioalf.token import Token

_ABSOLUTE: Final = "is a path alone: pass base_url to Client, or a URL such as https://..."

_INVALID_HOST: Final = "the host name, or the one in a redirect, is invalid"
_URL_PROBLEMS: Final = {
    "AUTHORIZATION header": (
        "a redirect, the session or its netrc file adds credentials to the token: remove them"
    ),
    "'idna' codec": _INVALID_HOST,
    "label empty or too long": _INVALID_HOST,  # Python 3.12 and uvloop do not name the codec
}
"""Words in the ValueErrors of aiohttp and Python that a server can cause, and their meaning."""


class RequestTargets:
    """Decides which URL a request is sent to.

    Args:
        policy: Where the token may be sent.
        base_url: The URL that a path alone is joined with.
        member: Without a base URL, the member of the token response that holds it.
    """

    __slots__ = ("_base_url", "_member", "policy")

    def __init__(
        self, policy: OriginPolicy, base_url: URL | None = None, member: str | None = None
    ) -> None:
        self.policy = policy
        self._base_url = base_url
        self._member = member

    def find(self, url: StrOrURL, auth: object = None) -> StrOrURL | None:
        """Return the URL to send a request to, or None if only the token says where the API is.

        Raises ValueError if there are credentials besides the token, InvalidUrlClientError if there
        is no base URL for a path alone, and as `OriginPolicy.check`.
        """
        if auth is not None:
            raise _two_credentials_error()
        try:
            target = URL(url)
        except ValueError:
            return url  # aiohttp reports what is wrong with it
        if "@" in target.raw_authority:
            raise _two_credentials_error()
        has_base = self._base_url is not None or self._member is not None
        # With a base URL, "//host/path" is joined like a path; aiohttp would send it by plain http.
        if target.absolute and (target.scheme or not has_base):
            self.policy.check(target)
            return url
        if self._base_url is not None:
            return self._join(self._base_url, target)
        if self._member is None:
            raise InvalidUrlClientError(redact_url(target), _ABSOLUTE)
        return None

    def find_with(self, token: Token, url: StrOrURL) -> URL:
        """Return the URL of a path alone, joined with the base URL in the token response.

        Raises TokenError if the response has no usable base URL, and errors as `find` does.
        """
        return self._join(_base_url_in(token, self._member or ""), URL(url))

    def _join(self, base_url: URL, path: URL) -> URL:
        target = base_url.join(path)
        if origin_of(target) != origin_of(base_url):  # "things:1" has a scheme
            raise InvalidUrlClientError(redact_url(path), _ABSOLUTE)
        self.policy.check(target)
        return target


def make_targets(
    policy: OriginPolicy,
    rules: ApiRules,
    base_url: str | URL | None,
    session: ClientSession | None,
) -> RequestTargets:
    """Return the targets of a client.

    The base URL of the caller's session, or else the option `base_url`, overrides the rules. Raises
    TokenConfigurationError if a base URL cannot be joined, or is not an allowed origin.
    """
    given: URL | None = getattr(session, "_base_url", None)  # it has no public name
    if given is not None:
        return RequestTargets(policy, given)
    if base_url is None and rules.base_url_member is not None:
        return RequestTargets(policy, None, rules.base_url_member)
    chosen = rules.base_url if base_url is None else base_url
    return RequestTargets(policy, None if chosen is None else _read_base_url(chosen, policy))


def _read_base_url(value: str | URL, policy: OriginPolicy) -> URL:
    try:
        url = _parse_base_url(value)
    except ValueError as problem:
        raise TokenConfigurationError(f"base_url {problem}") from None
    if not url.path.endswith("/"):
        raise TokenConfigurationError(
            f"base_url must end with a slash, as in aiohttp: pass '{redact_url(url)}/'"
        )
    if not policy.allows(url):
        raise TokenConfigurationError(f"base_url {redact_url(url)} is not in allowed_origins")
    return url


def reraise_url_error(error: ValueError, url: StrOrURL) -> NoReturn:
    """Raise InvalidURL, a ClientError, if a server can cause the error; else the error itself."""
    for words, problem in _URL_PROBLEMS.items():
        if words in str(error):
            raise InvalidURL(redact_url(URL(url)), problem) from error
    raise error


def _two_credentials_error() -> ValueError:
    return ValueError(
        "auth= or credentials in a URL cannot be used with a Client: "
        "its requests carry a bearer token"
    )


def _base_url_in(token: Token, member: str) -> URL:
    """Return the base URL in a token response, where the server may leave out the last slash."""
    value = token.extra.get(member)
    if not isinstance(value, str):
        raise TokenError(
            f"The token response has no {member} with the URL of the API, so a path alone cannot "
            "be requested: pass base_url to Client, or a whole URL"
        )
    try:
        url = _parse_base_url(value)
    except ValueError as problem:
        raise TokenError(f"The {member} of the token response {problem}") from None
    if is_insecure(url):
        raise TokenError(
            f"The {member} of the token response must be https, not {redact_url(url)}: the token "
            "was not sent there"
        )
    return url if url.path.endswith("/") else url / ""


def _parse_base_url(value: str | URL) -> URL:
    """Return a base URL. Raises ValueError with a text that follows its name."""
    url = parse_endpoint(value)
    if url.raw_query_string:
        raise ValueError("must not have a query, which would be lost when a path is joined")
    return url
