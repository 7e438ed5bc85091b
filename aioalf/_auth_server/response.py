"""What the answer of an authorization server is worth: its members, or the error to raise. Pure.

Errors say what came without what must not be shown: the client's credentials, and what was sent as
a proof (RFC 6749 §5.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from yarl import URL

from aioalf._auth_server.http import RawResponse
from aioalf._auth_server.request_params import Form
from aioalf._auth_server.token_response import read_oauth_error, read_object
from aioalf._redaction import mask_secrets, printable
from aioalf._syntax import read_retry_after
from aioalf._urls import redact_url
from aioalf.client_auth.credentials import Credentials
from aioalf.errors import TokenHTTPError, TokenResponseError

# Of a form: what no text may show, wherever it comes back from.
_PROOFS: Final = (
    *("actor_token", "assertion", "client_assertion", "code", "code_verifier", "device_code"),
    *("refresh_token", "subject_token", "token"),
)


class ServerResponse:
    """One answer of the endpoint `name`, as metadata calls it, at a URL."""

    def __init__(self, name: str, url: URL, answer: RawResponse, hidden: frozenset[str]) -> None:
        self._what = f"The {name.replace('_', ' ')} {redact_url(url)}"
        self._name = name
        self._answer = answer
        self._hidden = hidden
        self.members: Mapping[str, object] | None = read_object(answer.body)
        self._words = read_oauth_error(self.members or {}, hidden)

    @property
    def is_good(self) -> bool:
        """Whether its status is 2xx."""
        return 200 <= self._answer.status < 300

    def refusal(self) -> TokenHTTPError:
        """Return the error for a status that is not 2xx."""
        hint = str(self._words) or _hint(self._answer.status, self._name)
        return TokenHTTPError(
            f"{self._what} refused" + (f": {hint}" if hint else ""),
            self._answer.status,
            mask_secrets(self._answer.body.decode("utf-8", "replace"), self._hidden),
            response=self._answer.response,
            retry_after=read_retry_after(
                self._answer.response.headers.get("Retry-After"), datetime.now(UTC)
            ),
            **self._words._asdict(),
        )

    def useless(self, wanted: str, problem: str) -> TokenResponseError:
        """Return the error for a 2xx that is not what was `wanted`."""
        if self._words.error:
            problem = f"it says {self._words}"
        status = self._answer.status
        content_type = mask_secrets(self._answer.content_type, self._hidden)
        return TokenResponseError(
            f"{self._what} answered {status} "
            f"({printable(content_type, 80) or 'no content type'}) without {wanted}: {problem}",
            status,
            content_type,
            **self._words._asdict(),
        )


def secrets_in_request(credentials: Credentials, form: Form) -> frozenset[str]:
    """Return what of a request must not be shown."""
    values = (form.get(name) for name in _PROOFS)
    proofs = frozenset(value for value in values if isinstance(value, str)) - {""}
    return credentials.known() | proofs


def _hint(status: int, name: str) -> str:
    if 300 <= status < 400:
        return "it redirects, and no secret goes where a redirect points; configure the final URL"
    if status == 404:
        return f"nothing is at that URL; look at {name}"
    return ""
