"""What a grant is, and what it is given to work with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol, runtime_checkable

from yarl import URL

from aioalf._auth_server.request_params import Form, TokenRequestParams
from aioalf.token import Token

__all__ = ("Form", "Grant", "SubjectGrant", "AuthorizationServer", "subject_digest")


class AuthorizationServer(Protocol):
    """The authorization server, as a grant sees it."""

    @property
    def client_id(self) -> str | None:
        """Who asks."""
        ...

    @property
    def issuer(self) -> str | None:
        """The issuer identifier as configured, None without one."""
        ...

    @property
    def asked(self) -> TokenRequestParams:
        """Scope, resources and the like; `request` adds them to each form by itself."""
        ...

    async def url_of(self, name: str) -> URL:
        """Return an endpoint by its name in metadata: the one configured, else the issuer's.

        Raises TokenConfigurationError that says what to pass.
        """
        ...

    async def metadata(self) -> Mapping[str, object]:
        """Return the issuer's metadata, empty without an issuer."""
        ...

    async def request(self, form: Form, *, is_repeatable: bool = False) -> Token:
        """POST the form to the token endpoint, authenticated, and return the token.

        `is_repeatable` says that the form holds nothing that may be sent once only. Raises
        TokenError.
        """
        ...

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """POST the form as it is to another endpoint, authenticated; return the members answered.

        Raises TokenHTTPError, TokenResponseError for what is no JSON object, TokenConnectionError.
        """
        ...


@runtime_checkable
class SubjectGrant(Protocol):
    """A grant whose tokens are for somebody who is in its parameters, and not for who logs in.

    It may be used with a cache where it can say for whom, as `subject_digest` does.
    """

    @property
    def subject_key(self) -> str | None:
        """For whom: the same text for the same subject only, and nothing can be read from it.

        None where that is not known before a token is asked for: then no cache can be used.
        """
        ...


def subject_digest(*parts: object) -> str:
    """Return a text for these parts, of which JSON has a form, that is no other parts' text."""
    text = json.dumps(parts, sort_keys=True, default=repr)
    return sha256(text.encode("ascii")).hexdigest()


class Grant(Protocol):
    """One way to get a token: a class of yours has `request_token`, and inherits the rest."""

    @property
    def name(self) -> str:
        """The ``grant_type`` that it sends, for the keys of caches."""
        return type(self).__name__

    @property
    def can_begin(self) -> bool:
        """Whether it can get another token when a refresh token is refused."""
        return True

    @property
    def keeps_refresh_token(self) -> bool:
        """Whether a refresh token in the answer is used (RFC 6749 §4.4.3)."""
        return False

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return a token from the beginning. Raises TokenError."""
        ...
