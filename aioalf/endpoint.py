"""The token endpoint: one POST, one `Token` or one `TokenError`.

It knows HTTP and client authentication; it caches nothing and knows no grant.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NoReturn, cast

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    ServerDisconnectedError,
)
from aiohttp.helpers import get_env_proxy_for_url
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from aioalf.buffered import buffer
from aioalf.client_auth import ClientAuth, Credentials
from aioalf.errors import (
    NoAnswerError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.redaction import printable, without
from aioalf.retry import Retry, read_retry_after
from aioalf.token import Token
from aioalf.token_response import Expected, OAuthError, read_oauth_error, read_object, read_token
from aioalf.urls import is_insecure, read_endpoint, shown, warn_insecure

Network = Callable[[], ClientSession | None]
"""Whose connector and proxy a token request uses; None: those of a session of its own."""

TIMEOUT: Final = ClientTimeout(total=10, sock_connect=5)
"""How long one attempt may take, in seconds, unless ``http_options`` says otherwise."""

MAX_BODY: Final = 2**20
"""Bytes of a token response that are read."""

# One for all endpoints: clients may be many.
_RETRY: Final = Retry()
_NO_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({})
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_OURS: Final = frozenset(
    {
        "allow_redirects",
        "auth",
        "data",
        "json",
        "method",
        "middlewares",
        "raise_for_status",
        "str_or_url",
        "url",
    }
)


class _Answer:
    def __init__(
        self, status: int, content_type: str, body: bytes, response: ClientResponse
    ) -> None:
        self.status = status
        self.content_type = content_type
        self.body = body
        self.response = response


class TokenEndpoint:
    """Sends token requests to one URL as one client.

    ``http_options`` are keywords of aiohttp's ``request`` (``timeout``, ``proxy``, ``ssl``,
    ``headers`` …); its headers go on top of ours. Redirects are not followed, whatever they say
    (RFC 9700 §4.12). Raises TokenConfigurationError for a URL or options that cannot work, and
    warns of plain http.
    """

    __slots__ = (
        "_client_auth",
        "_credentials",
        "_expected",
        "_options",
        "_retry",
        "network",
        "url",
    )

    def __init__(
        self,
        url: str | URL,
        credentials: Credentials,
        client_auth: ClientAuth,
        *,
        http_options: Mapping[str, Any] | None = None,
        expected: Expected | None = None,
        retry: Retry | None = None,
        network: Network = lambda: None,
    ) -> None:
        self.url: URL = read_endpoint("token_endpoint", url)
        if is_insecure(self.url):
            warn_insecure("The token endpoint", self.url)
        self.network = network
        self._credentials = credentials
        self._client_auth = client_auth
        self._expected = expected or Expected()
        self._retry = retry or _RETRY
        self._options = _read_options(http_options)

    async def request(
        self,
        form: Mapping[str, str],
        scope: frozenset[str] | None,
        *,
        is_repeatable: bool = False,
    ) -> Token:
        """POST the form, what is empty left out, and return the token asked for with `scope`.

        What may pass is tried again; `is_repeatable` says that the form holds nothing that may be
        sent once only. Raises TokenHTTPError for a status that is not 2xx, TokenResponseError for
        an answer without a token that can be used, NoAnswerError, its reason in ``__cause__``.
        """
        retry = self._retry if is_repeatable else Retry(attempts=1)
        begun, attempt = time.monotonic(), 0
        answered: TokenHTTPError | None = None
        while True:  # until `wait_after` says None, which it does after its count of attempts
            attempt += 1
            try:
                return await self._attempt(form, scope)
            except TokenError as error:
                if isinstance(error, TokenHTTPError):
                    answered = error
                elapsed, chance = time.monotonic() - begun, random.random()  # noqa: S311 - jitter
                wait = retry.wait_after(error, attempt, elapsed, chance)
                if wait is None:
                    # An answer says more than none, and `Client` returns it.
                    raise answered or error from error.__cause__
            await asyncio.sleep(wait)

    async def _attempt(self, form: Mapping[str, str], scope: frozenset[str] | None) -> Token:
        sent_at, sent_on = time.monotonic(), datetime.now(UTC)
        answer = await self._exchange({name: value for name, value in form.items() if value})
        members = read_object(answer.body)
        words = read_oauth_error(members or {}, self._credentials.known())
        if not 200 <= answer.status < 300:
            raise self._refusal(answer, words)
        expected = self._expected.of(scope)
        try:
            return read_token(members, expected, sent_at=sent_at, sent_on=sent_on)
        except TokenResponseError as problem:
            error = _useless(self.url, answer, str(problem), words)
        raise error

    async def _exchange(self, form: dict[str, str]) -> _Answer:
        fields = self._client_auth.authenticate(self._credentials, form)
        try:
            headers = CIMultiDict({**_HEADERS, **fields})
            headers.update(self._options.get("headers") or {})
            return await self._post(form, headers)
        except InvalidURL:  # which quotes it, and a proxy's may hold a password
            raise TokenConfigurationError(
                "The token request cannot be sent: a URL in http_options or the environment, as of "
                "proxy, is malformed"
            ) from None
        except (ClientError, HttpProcessingError, OSError) as error:
            failure = error
        except (TypeError, ValueError) as error:
            raise TokenConfigurationError(
                f"The token request cannot be sent; look at http_options: {printable(str(error))}"
            ) from error
        cause = _without_traffic(failure)
        reason = printable(f"{type(failure).__name__}: {cause}".rstrip(": "))
        raise NoAnswerError(
            f"No answer from the token endpoint {shown(self.url)}: {reason}",
            may_pass=_may_pass(failure),
        ) from cause

    async def _post(self, form: dict[str, str], headers: CIMultiDict[str]) -> _Answer:
        options: dict[str, Any] = {"timeout": TIMEOUT, **self._options, "headers": headers}
        async with await _session(self.network(), self.url) as session:
            response = await session.post(
                self.url, data=form, allow_redirects=False, raise_for_status=False, **options
            )
            body = await buffer(response, MAX_BODY)
        content_type = without(response.headers.get("Content-Type", ""), self._credentials.known())
        return _Answer(response.status, content_type, body, response)

    def _refusal(self, answer: _Answer, words: OAuthError) -> TokenHTTPError:
        hint = str(words) or _hint(answer.status)
        return TokenHTTPError(
            f"The token endpoint {shown(self.url)} refused" + (f": {hint}" if hint else ""),
            answer.status,
            without(answer.body.decode("utf-8", "replace"), self._credentials.known()),
            response=answer.response,
            retry_after=read_retry_after(
                answer.response.headers.get("Retry-After"), datetime.now(UTC)
            ),
            error=words.error,
            error_description=words.error_description,
            error_uri=words.error_uri,
        )


def _useless(url: URL, answer: _Answer, problem: str, words: OAuthError) -> TokenResponseError:
    if words.error:
        problem = f"it says {words}"
    content_type = printable(answer.content_type, 80) or "no content type"
    return TokenResponseError(
        f"The token endpoint {shown(url)} answered {answer.status} ({content_type}) "
        f"without a usable token: {problem}",
        answer.status,
        answer.content_type,
        error=words.error,
        error_description=words.error_description,
        error_uri=words.error_uri,
    )


def _without_traffic(error: Exception) -> Exception:
    # aiohttp's errors show the request's headers and quote what they dislike of an answer, be it
    # the token: a server that forgets to chunk a body, or its head, is quoted with all of it.
    match error:
        case ServerDisconnectedError():
            return ServerDisconnectedError()
        case ClientHttpProxyError():
            return ClientPayloadError(f"the proxy answered {error.status}")
        case ClientPayloadError():
            return ClientPayloadError("the answer broke off, or is not HTTP any more")
        case ClientResponseError() | HttpProcessingError():
            return ClientPayloadError("the answer is not HTTP, or has too much of it")
        case _:
            return error


def _may_pass(error: Exception) -> bool:
    if isinstance(error, ClientConnectorCertificateError):
        return False
    return isinstance(error, ClientConnectionError | ClientPayloadError | OSError)


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return "it redirects, and no secret goes where a redirect points; configure the final URL"
    if status == 404:
        return "nothing is at that URL; look at token_endpoint"
    return ""


def _read_options(http_options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if http_options is None:
        return _NO_OPTIONS
    if not isinstance(http_options, Mapping):
        _refuse_options("it must be a mapping of keywords of aiohttp's request")
    if clash := _OURS & set(http_options):
        _refuse_options(f"{', '.join(sorted(clash))} cannot be set for a token request")
    return dict(http_options) or _NO_OPTIONS


def _refuse_options(problem: str) -> NoReturn:
    raise TokenConfigurationError(f"http_options: {problem}")


async def _session(network: ClientSession | None, url: URL) -> ClientSession:
    """Return a session for one token request: the caller's network, not the caller's identity."""
    proxy = await _proxy_of(network, url)  # first: meanwhile the caller's may be closed
    # One that is closed, or whose event loop is gone, has no network to offer.
    loop = asyncio.get_running_loop()
    if network is None or network.closed or getattr(network, "_loop", loop) is not loop:
        return ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False)
    # The proxy of a session has no public name.
    proxy_auth = getattr(network, "_default_proxy_auth", None)
    return ClientSession(
        connector=network.connector,
        connector_owner=False,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        proxy=proxy,
        **({} if proxy_auth is None else {"proxy_auth": proxy_auth}),
    )


async def _proxy_of(network: ClientSession | None, url: URL) -> str | URL | None:
    proxy: str | URL | None = getattr(network, "_default_proxy", None)
    if proxy is None and network is not None and network.trust_env:
        # To a session with trust_env, netrc would also say who the client is.
        proxy = await asyncio.to_thread(_proxy_of_environment, url)
    return proxy


def _proxy_of_environment(url: URL) -> URL | None:
    try:
        proxy, auth = get_env_proxy_for_url(url)
    except LookupError:
        return None
    except ValueError:  # which may quote it
        raise InvalidURL("proxy") from None
    if auth is None:
        return proxy
    user, password, _ = cast("tuple[str, str, str]", auth)
    return proxy.with_user(user).with_password(password)  # aiohttp 3.14 warns of proxy_auth
