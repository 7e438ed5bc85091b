"""The token endpoint: one POST, one `Token` or one `TokenError`.

It knows HTTP and client authentication; it caches nothing and knows no grant.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from yarl import URL

from aioalf.client_auth import ClientAuth, Credentials, FormInMaking
from aioalf.errors import TokenError, TokenHTTPError, TokenResponseError
from aioalf.exchange import Answer, Exchange, Network
from aioalf.redaction import printable, without
from aioalf.retry import Retry, read_retry_after
from aioalf.token import Token
from aioalf.token_response import Expected, OAuthError, read_oauth_error, read_object, read_token
from aioalf.urls import is_insecure, read_endpoint, shown, warn_insecure

_RETRY: Final = Retry()  # one for all endpoints: clients may be many
# Of a form: what no text may show, wherever it comes back from.
_PROOFS: Final = (
    *("actor_token", "assertion", "client_assertion", "code", "code_verifier", "device_code"),
    *("refresh_token", "subject_token"),
)


class TokenEndpoint:
    """Sends token requests to one URL as one client.

    ``http_options`` are `Exchange`'s. Raises TokenConfigurationError for a URL or options that
    cannot work, and warns of plain http.
    """

    __slots__ = (
        "_client_auth",
        "_credentials",
        "_exchange",
        "_expected",
        "_retry",
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
        self._exchange = Exchange(http_options, network)
        self._credentials = credentials
        self._client_auth = client_auth
        self._expected = expected or Expected()
        self._retry = retry or _RETRY

    def use_network(self, network: Network) -> None:
        """Send through the connector and proxy of the session that this returns."""
        self._exchange.network = network

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
        credentials = await self._credentials.current()
        sent_at, sent_on = time.monotonic(), datetime.now(UTC)
        proven: FormInMaking = {name: value for name, value in form.items() if value}
        answer = await self._post(credentials, proven)
        hidden = credentials.known() | _proofs(proven)
        members = read_object(answer.body)
        words = read_oauth_error(members or {}, hidden)
        if not 200 <= answer.status < 300:
            raise self._refusal(answer, words, hidden)
        expected = self._expected.of(scope)
        try:
            return read_token(members, expected, sent_at=sent_at, sent_on=sent_on)
        except TokenResponseError as problem:
            content_type = without(answer.content_type, hidden)
            error = _useless(self.url, answer.status, content_type, str(problem), words)
        raise error

    async def _post(self, credentials: Credentials, form: FormInMaking) -> Answer:
        fields = await self._client_auth.authenticate(credentials, form, str(self.url))
        ssl = self._client_auth.ssl_context
        return await self._exchange.post("the token endpoint", self.url, form, fields, ssl=ssl)

    def _refusal(self, answer: Answer, words: OAuthError, hidden: frozenset[str]) -> TokenHTTPError:
        hint = str(words) or _hint(answer.status)
        return TokenHTTPError(
            f"The token endpoint {shown(self.url)} refused" + (f": {hint}" if hint else ""),
            answer.status,
            without(answer.body.decode("utf-8", "replace"), hidden),
            response=answer.response,
            retry_after=read_retry_after(
                answer.response.headers.get("Retry-After"), datetime.now(UTC)
            ),
            error=words.error,
            error_description=words.error_description,
            error_uri=words.error_uri,
        )


def _proofs(form: FormInMaking) -> frozenset[str]:
    values = (form.get(name, "") for name in _PROOFS)
    return frozenset(value for value in values if isinstance(value, str)) - {""}


def _useless(
    url: URL, status: int, content_type: str, problem: str, words: OAuthError
) -> TokenResponseError:
    if words.error:
        problem = f"it says {words}"
    return TokenResponseError(
        f"The token endpoint {shown(url)} answered {status} "
        f"({printable(content_type, 80) or 'no content type'}) without a usable token: {problem}",
        status,
        content_type,
        error=words.error,
        error_description=words.error_description,
        error_uri=words.error_uri,
    )


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return "it redirects, and no secret goes where a redirect points; configure the final URL"
    if status == 404:
        return "nothing is at that URL; look at token_endpoint"
    return ""
