"""The token endpoint: one POST, one `Token` or one `TokenError`.

It knows HTTP and client authentication; it caches nothing and knows no grant.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from aiohttp import (
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)
from multidict import CIMultiDict
from yarl import URL

from aioalf.buffered import buffer
from aioalf.client_auth import ClientAuth, Credentials
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError, TokenResponseError
from aioalf.redaction import printable, without
from aioalf.token import Token
from aioalf.token_response import Expected, OAuthError, read_oauth_error, read_object, read_token
from aioalf.urls import is_insecure, read_endpoint, shown, warn_insecure

Network = Callable[[], ClientSession | None]
"""Whose connector, TLS and proxy settings a token request uses; None: those of a session of its own."""

TIMEOUT: Final = ClientTimeout(total=20, sock_connect=10)
"""How long a token request may take, in seconds, unless ``http_options`` says otherwise."""

MAX_BODY: Final = 2**20
"""Bytes of a token response that are read."""

_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_OURS: Final = frozenset(
    {"allow_redirects", "auth", "data", "json", "method", "middlewares", "raise_for_status", "str_or_url", "url"}
)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content_type: str
    body: bytes
    response: ClientResponse


class TokenEndpoint:
    """Sends token requests to one URL as one client.

    ``http_options`` are keywords of aiohttp's ``request`` (``timeout``, ``proxy``, ``ssl``, ``headers`` …); its headers
    go on top of ours. Redirects are not followed, whatever they say (RFC 9700 §4.12).
    Raises TokenConfigurationError for a URL or options that cannot work, and warns of plain http.
    """

    def __init__(
        self,
        url: str | URL,
        credentials: Credentials,
        client_auth: ClientAuth,
        *,
        http_options: Mapping[str, Any] | None = None,
        expected: Expected | None = None,
        network: Network = lambda: None,
    ) -> None:
        self.url = read_endpoint("token_endpoint", url)
        if is_insecure(self.url):
            warn_insecure("The token endpoint", self.url)
        self.network = network
        self._credentials = credentials
        self._client_auth = client_auth
        self._expected = expected or Expected()
        self._options = _read_options(http_options)

    async def request(self, form: Mapping[str, str], scope: frozenset[str] | None) -> Token:
        """POST the form, what is empty left out, and return the token that was asked for with `scope`.

        Raises TokenHTTPError for a status that is not 2xx, TokenResponseError for an answer without a
        token that can be used, TokenError when there is no answer, the reason in ``__cause__``.
        """
        sent_at, sent_on = time.monotonic(), datetime.now(UTC)
        answer = await self._exchange({name: value for name, value in form.items() if value})
        if not 200 <= answer.status < 300:
            raise self._http_error(answer)
        members = read_object(answer.body)
        if members is None:
            raise self._useless(answer, "its body is not a JSON object")
        oauth_error = self._oauth_error(members)
        if oauth_error.error and not members.get("access_token"):
            raise self._useless(answer, f"it says {oauth_error}", oauth_error)
        try:
            return read_token(members, replace(self._expected, scope=scope), sent_at=sent_at, sent_on=sent_on)
        except TokenResponseError as problem:
            error = self._useless(answer, str(problem), oauth_error)
        raise error

    async def _exchange(self, form: dict[str, str]) -> _Answer:
        headers = CIMultiDict(_HEADERS)
        headers.update(self._client_auth.authenticate(self._credentials, form))
        headers.update(self._options.get("headers") or {})
        try:
            return await self._post(form, headers)
        except (ClientError, OSError) as error:
            # aiohttp's ClientResponseError shows the request's headers in its repr: its text is kept.
            cause = ClientPayloadError(str(error)) if isinstance(error, ClientResponseError) else error
            reason = printable(f"{type(error).__name__}: {error}".rstrip(": "))
            raise TokenError(f"No answer from the token endpoint {shown(self.url)}: {reason}") from cause
        except (TypeError, ValueError) as error:
            raise TokenConfigurationError(
                f"The token request cannot be sent; look at http_options: {printable(str(error))}"
            ) from error

    async def _post(self, form: dict[str, str], headers: CIMultiDict[str]) -> _Answer:
        options = {"timeout": TIMEOUT, **self._options, "headers": headers}
        async with _session(self.network()) as session:
            response = await session.post(
                self.url, data=form, allow_redirects=False, raise_for_status=False, **options
            )
            body = await buffer(response, MAX_BODY)
        return _Answer(response.status, response.headers.get("Content-Type", ""), body, response)

    def _oauth_error(self, members: Mapping[str, object] | None) -> OAuthError:
        return read_oauth_error(members or {}, self._credentials.known())

    def _http_error(self, answer: _Answer) -> TokenHTTPError:
        oauth_error = self._oauth_error(read_object(answer.body))
        hint = str(oauth_error) or _hint(answer.status)
        return TokenHTTPError(
            f"The token endpoint {shown(self.url)} refused" + (f": {hint}" if hint else ""),
            answer.status,
            without(answer.body.decode("utf-8", "replace"), self._credentials.known()),
            response=answer.response,
            error=oauth_error.error,
            error_description=oauth_error.error_description,
            error_uri=oauth_error.error_uri,
        )

    def _useless(self, answer: _Answer, problem: str, words: OAuthError = OAuthError()) -> TokenResponseError:  # noqa: B008 - frozen
        return TokenResponseError(
            f"The token endpoint {shown(self.url)} answered {answer.status} "
            f"({printable(answer.content_type, 80) or 'no content type'}) without a usable token: {problem}",
            answer.status,
            answer.content_type,
            error=words.error,
            error_description=words.error_description,
            error_uri=words.error_uri,
        )


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return "it redirects, and a secret is not sent where a redirect points; configure the final URL"
    if status == 404:
        return "nothing is at that URL; look at token_endpoint"
    return ""


def _read_options(http_options: Mapping[str, Any] | None) -> dict[str, Any]:
    if http_options is None:
        return {}
    if not isinstance(http_options, Mapping):
        _refuse_options("it must be a mapping of keywords of aiohttp's request")
    if clash := _OURS & set(http_options):
        _refuse_options(f"{', '.join(sorted(clash))} cannot be set for a token request")
    return dict(http_options)


def _refuse_options(problem: str) -> NoReturn:
    raise TokenConfigurationError(f"http_options: {problem}")


def _session(network: ClientSession | None) -> ClientSession:
    """Return a session for one token request: the caller's network without the caller's identity."""
    if network is None:
        return ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False)
    if network.closed:
        raise RuntimeError("Session is closed")
    # The proxy of a session has no public name.
    proxy_auth = getattr(network, "_default_proxy_auth", None)
    return ClientSession(
        connector=network.connector,
        connector_owner=False,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=network.trust_env,
        proxy=getattr(network, "_default_proxy", None),
        **({} if proxy_auth is None else {"proxy_auth": proxy_auth}),
    )
