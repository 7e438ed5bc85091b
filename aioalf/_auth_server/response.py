"""Responses of the authorization server: status and body become members, or the error to raise.

Must not send anything and must not know what a token is. Errors show what the server sent, without
the values that the client sent (RFC 6749 §5.2).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, TypeVar, cast
from urllib.parse import parse_qsl

from aiohttp import ClientResponse
from yarl import URL

from aioalf._auth_server.buffered_response import replace_texts
from aioalf._auth_server.error_response import OAuthErrorFields, masked_members, read_oauth_error
from aioalf._auth_server.request_params import Form
from aioalf._auth_server.response_reader import ReaderFailure, call_reader
from aioalf._auth_server.server_rules import STANDARD_RULES, ServerRules
from aioalf._hidden_repr import MaskedDict
from aioalf._masking import (
    SHORT_SECRET,
    SecretMask,
    Unpicklable,
    mask_secrets,
    mask_secrets_in_json,
    printable,
)
from aioalf._syntax import read_retry_after
from aioalf._urls import redact_url
from aioalf.client_auth.credentials import ClientIdText, Credentials
from aioalf.errors import OAuthError, TokenHTTPError, TokenResponseError

ErrorT = TypeVar("ErrorT", bound=OAuthError)


PUBLIC_PARAMS: Final = frozenset(
    {
        "access_type",
        "actor_token_type",
        "audience",
        "client_assertion_type",
        "client_id",  # masked with the credentials
        "code_challenge_method",
        "grant_type",
        "issued_token_type",
        "prompt",
        "redirect_uri",
        "requested_token_type",
        "requested_token_use",
        "resource",
        "response_type",
        "scope",
        "subject_token_type",
        "token_type_hint",
    }
)
"""Request parameters that errors may show. The values of all other parameters are masked."""

_TRY_LATER: Final = frozenset({"temporarily_unavailable"})
"""Error codes of a server that works again later (RFC 6749 §4.1.2.1)."""

_REFUSALS: Final = frozenset({200, 400, 401, 403})


def secrets_in_request(credentials: Credentials, form: Form) -> frozenset[str]:
    """Return the texts of a request that no error may show: the credentials and the form's values.

    Parameters in `PUBLIC_PARAMS` are left out. An unknown parameter counts as a secret, so the
    parameters of a custom grant are masked by default.
    """
    secrets = set(credentials.known())
    for name, value in form.items():
        if name not in PUBLIC_PARAMS:
            secrets.update((value,) if isinstance(value, str) else value)
    return frozenset(secrets) - {""}


_MAX_PARAMETERS: Final = 100
_FORM_MEMBERS: Final = frozenset({"access_token", "error", "refresh_token"})
_FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "text/plain"})


def read_object(body: bytes) -> dict[str, object] | None:
    """Return the JSON object in a body, None if the body holds anything else."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def read_form(body: bytes, content_type: str) -> dict[str, object] | None:
    """Return the parameters in a form-encoded body.

    None if the body is in another format or repeats a parameter. Some servers answer with a form
    although the request accepts JSON only.
    """
    if content_type.partition(";")[0].strip().lower() not in _FORM_TYPES:
        return None
    try:
        pairs = parse_qsl(
            body.decode(), strict_parsing=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        return None
    parameters: dict[str, object] = dict(pairs)
    is_usable = len(parameters) == len(pairs) and not parameters.keys().isdisjoint(_FORM_MEMBERS)
    return parameters if is_usable else None


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
        self._rules = STANDARD_RULES
        self._endpoint = endpoint
        self._response = response
        self._sender = f"The {endpoint.replace('_', ' ')} {redact_url(url)}"

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def apply(self, rules: ServerRules) -> None:
        """Read the response by the rules of its server."""
        self._rules = rules

    @property
    def refuses_client(self) -> bool:
        """Whether client authentication failed (RFC 6749 §5.2); some servers say so with 200."""
        return (
            self._oauth_error.error == "invalid_client"
            and self.status in _REFUSALS
            and "access_token" not in (self.members or {})
        )

    @property
    def accepts_client(self) -> bool:
        """Whether the response shows that client authentication succeeded.

        A web page with status 200 does not show that. A revocation may have no body (RFC 7009
        §2.2).
        """
        members: Mapping[str, object] | None = self.members if self.body else {}
        if not self.is_success or members is None or members.get("error") is not None:
            return False
        return self._endpoint != "token_endpoint" or "access_token" in members

    @property
    def is_pending(self) -> bool:
        """Whether a client that authenticated has to wait, and to ask again (RFC 8628 §3.5)."""
        return (self.members or {}).get("error") in ("authorization_pending", "slow_down")

    @property
    def members(self) -> Mapping[str, object] | None:
        """The members of the object in the body, None if the body holds anything else.

        They are as the server sent them if the reader of the rules failed.
        """
        read = self._read
        return self.members_as_sent if isinstance(read, ReaderFailure) else read

    @property
    def reader_failure(self) -> ReaderFailure | None:
        """The failure of the reader of the rules."""
        return self._read if isinstance(self._read, ReaderFailure) else None

    @cached_property
    def _read(self) -> Mapping[str, object] | ReaderFailure | None:
        members, reader = self.members_as_sent, self._rules.read_response
        return members if members is None or reader is None else call_reader(reader, members)

    @cached_property
    def members_as_sent(self) -> Mapping[str, object] | None:
        """The members before the reader of the rules has read them."""
        members = self._json_object
        if members is None:
            members = read_form(self.body, self.content_type)
        return None if members is None else MaskedDict(members)

    @cached_property
    def _json_object(self) -> Mapping[str, object] | None:
        return read_object(self.body)

    @cached_property
    def _oauth_error(self) -> OAuthErrorFields:
        return read_oauth_error(self.members or {}, self.secrets, is_success=self.is_success)

    @property
    def reports_error(self) -> bool:
        """Whether the response is an OAuth error, also with the status 2xx."""
        return bool(self._oauth_error.error)

    @property
    def refusal(self) -> str:
        """The message of the error for a status that is not 2xx."""
        reason = str(self._oauth_error) or _advice(self.status, self._endpoint)
        return f"{self._sender} refused" + (f": {reason}" if reason else "")

    def http_error(self) -> TokenHTTPError:
        """Return the error for a status that is not 2xx; its response repeats no secret either."""
        self._mask_response()
        error = TokenHTTPError(
            self.refusal,
            self.status,
            self._masked(self.body.decode("utf-8", "replace"), self.secrets),
            response=self._response,
            retry_after=read_retry_after(
                self._response.headers.get("Retry-After"), datetime.now(UTC)
            ),
            **self._oauth_error._asdict(),
        )
        return self._classified(error)

    def unusable_error(self, wanted: str, problem: str) -> TokenResponseError:
        """Return the error for a 2xx response that does not hold `wanted`."""
        failure = self.reader_failure
        if self._oauth_error.error:
            reported = f"the server reports {self._oauth_error}"
            problem = f"{reported}; {failure}" if failure else reported
        content_type = mask_secrets(self.content_type, self.secrets)
        error = TokenResponseError(
            f"{self._sender} answered {self.status} "
            f"({printable(content_type, 80) or 'no content type'}) without {wanted}: {problem}",
            self.status,
            content_type,
            **self._oauth_error._asdict(),
        )
        error.__cause__ = failure and failure.cause
        return self._classified(error) if self.reports_error else error

    def _classified(self, error: ErrorT) -> ErrorT:
        if self.members_as_sent is not None:
            error.response_data = masked_members(self.members_as_sent, self.secrets)
        words = {word for word in self._oauth_error[:2] if word}
        error.needs_sign_in |= not words.isdisjoint(self._rules.sign_in_again)
        error.is_transient |= not words.isdisjoint(_TRY_LATER | self._rules.try_later)
        return error

    def _masked(self, body: str, secrets: frozenset[str]) -> str:
        return (mask_secrets if self._json_object is None else mask_secrets_in_json)(body, secrets)

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
                SecretMask(secrets),
            )


def _advice(status: int, endpoint: str) -> str:
    if 300 <= status < 400:
        return "it redirects, and no secret is sent to another URL; configure the final URL"
    if status == 404:
        return f"nothing is at that URL; look at {endpoint}"
    return ""
