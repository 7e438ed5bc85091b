"""What a grant is, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from yarl import URL

from aioalf.token import Token

Form = Mapping[str, str]
"""The parameters of a token request; one with an empty value is not sent (RFC 6749 §3.2)."""


class TokenSource(Protocol):
    """The token endpoint, as a grant sees it."""

    @property
    def url(self) -> URL:
        """Where it is."""
        ...

    async def request(
        self, form: Form, scope: frozenset[str] | None, *, is_repeatable: bool = False
    ) -> Token:
        """POST the form and return the token, for which `scope` was asked.

        `is_repeatable` says that the form holds nothing that may be sent once only.
        """
        ...


class Grant(Protocol):
    """One way to get a token."""

    async def request_token(self, endpoint: TokenSource) -> Token:
        """Return a new token. Raises TokenError."""
        ...
