"""Responses of the authorization server: status and body become members, or the error to raise.

Must not send anything and must not know what a token is. Errors show what the server sent, without
the values that the client sent (RFC 6749 §5.2).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, NamedTuple, cast

from aiohttp import ClientResponse
from yarl import URL

from aioalf._auth_server.buffered_response import replace_texts
from aioalf._auth_server.request_params import Form
from aioalf._redaction import (
    SHORT_SECRET,
    Unpicklable,
    error_words,
    mask_secrets,
    mask_secrets_in_json,
    printable,
)
from aioalf._syntax import read_retry_after
from aioalf._urls import redact_url
from aioalf.client_auth.credentials import ClientIdText, Credentials
from aioalf.errors import TokenHTTPError, TokenResponseError

PUBLIC_PARAMS: Final = frozenset(
    {
        "actor_token_type",
        "audience",
        "client_assertion_type",
        "client_id",  # masked with the credentials
        "code_challenge_method",
        "grant_type",
        "issued_token_type",
        "redirect_uri",
        "requested_token_type",
        "resource",
        "response_type",
        "scope",
        "subject_token_type",
        "token_type_hint",
    }
)
"""Request parameters that errors may show. The values of all other parameters are masked."""


def secrets_in_request(credentials: Credentials, form: Form) -> frozenset[str]:
    """Return the texts of a request that no error may show: the credentials and the form's values.

    Parameters in `PUBLIC_PARAMS` are left out. An unknown parameter is a secret, so that the
    parameters of a custom grant are masked by default.
    """
    secrets = set(credentials.known())
    for name, value in form.items():
        if name not in PUBLIC_PARAMS:
            secrets.update((value,) if isinstance(value, str) else value)
    return frozenset(secrets) - {""}


def read_object(body: bytes) -> dict[str, object] | None:
    """Return the JSON object in a body, None if the body holds anything else."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


class OAuthErrorFields(NamedTuple):
    """The members of an OAuth error, each None if it is absent or not text (RFC 6749 §5.2)."""

    error: str | None = None
    error_description: str | None = None
    error_uri: str | None = None

    def __str__(self) -> str:
        words = [error_words(word) for word in (self.error, self.error_description) if word]
        return ": ".join(words)


def read_oauth_error(
    members: Mapping[str, object], secrets: frozenset[str] = frozenset()
) -> OAuthErrorFields:
    """Return the error members of a response, with the secrets masked."""

    def text(name: str) -> str | None:
        value = members.get(name)
        return mask_secrets(value, secrets) if isinstance(value, str) and value else None

    return OAuthErrorFields(text("error"), text("error_description"), text("error_uri"))


class ServerResponse(Unpicklable):
    """A response of the authorization server with its body, and the errors to raise for it.

    `endpoint` is the name of the endpoint in metadata, as in ``token_endpoint``. `response` is
    aiohttp's response, which errors hand to callers. `secrets` are masked in the errors.
    """

    def __init__(
        self,
        endpoint: str,
        url: URL,
        response: ClientResponse,
        body: bytes,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self.status: int = response.status
        self.content_type: str = response.headers.get("Content-Type", "")
        self.body: bytes = body
        self.secrets: frozenset[str] = secrets
        self._endpoint = endpoint
        self._response = response
        self._sender = f"The {endpoint.replace('_', ' ')} {redact_url(url)}"

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @cached_property
    def members(self) -> Mapping[str, object] | None:
        """The members of the JSON object in the body, None if the body holds anything else."""
        return read_object(self.body)

    @cached_property
    def _oauth_error(self) -> OAuthErrorFields:
        return read_oauth_error(self.members or {}, self.secrets)

    def http_error(self) -> TokenHTTPError:
        """Return the error for a status that is not 2xx; its response repeats no secret either."""
        self._mask_response()
        reason = str(self._oauth_error) or _advice(self.status, self._endpoint)
        return TokenHTTPError(
            f"{self._sender} refused" + (f": {reason}" if reason else ""),
            self.status,
            self._masked(self.body.decode("utf-8", "replace"), self.secrets),
            response=self._response,
            retry_after=read_retry_after(
                self._response.headers.get("Retry-After"), datetime.now(UTC)
            ),
            **self._oauth_error._asdict(),
        )

    def unusable_error(self, wanted: str, problem: str) -> TokenResponseError:
        """Return the error for a 2xx response that does not hold `wanted`."""
        if self._oauth_error.error:
            problem = f"the server reports {self._oauth_error}"
        content_type = mask_secrets(self.content_type, self.secrets)
        return TokenResponseError(
            f"{self._sender} answered {self.status} "
            f"({printable(content_type, 80) or 'no content type'}) without {wanted}: {problem}",
            self.status,
            content_type,
            **self._oauth_error._asdict(),
        )

    def _masked(self, body: str, secrets: frozenset[str]) -> str:
        return (mask_secrets if self.members is None else mask_secrets_in_json)(body, secrets)

    def _mask_response(self) -> None:
        """Mask the secrets that the response repeats. A response without them does not change.

        `Client` returns this response, and a program may show it to its own callers.
        """
        # Honest servers name the client id, and a short value, such as "1", is no echo.
        secrets = frozenset(
            text
            for text in self.secrets
            if len(text) >= SHORT_SECRET and not isinstance(text, ClientIdText)
        )
        if secrets:
            body = self.body.decode("utf-8", "surrogateescape")
            replace_texts(
                self._response,
                self._masked(body, secrets).encode("utf-8", "surrogateescape"),
                lambda text: mask_secrets(text, secrets),
            )


def _advice(status: int, endpoint: str) -> str:
    if 300 <= status < 400:
        return "it redirects, and no secret is sent to another URL; configure the final URL"
    if status == 404:
        return f"nothing is at that URL; look at {endpoint}"
    return ""
