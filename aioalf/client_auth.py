"""How a client proves who it is to the token endpoint: one class a method (RFC 6749 §2.3).

Pure: credentials and a form in, header fields out. It knows nothing of grants and of sending.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import NoReturn, Protocol
from urllib.parse import quote_plus

from aioalf.errors import TokenConfigurationError


class Credentials:
    """A client's identifier and secret; None is what was not given.

    ``repr`` shows neither, and they cannot be pickled.
    """

    __slots__ = ("client_id", "client_secret")

    def __init__(self, client_id: str | None, client_secret: str | None) -> None:
        self.client_id = client_id
        self.client_secret = client_secret

    def __repr__(self) -> str:
        return "<Credentials>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a client's credentials are a secret and are not pickled")

    def known(self) -> frozenset[str]:
        """Return what must not be shown: id, secret, and both as HTTP Basic joins them."""
        parts = [part for part in (self.client_id, self.client_secret) if part]
        return frozenset({*parts, ":".join(parts), ":".join(map(quote_plus, parts))} - {""})


class ClientAuth(Protocol):
    """One method of client authentication."""

    async def authenticate(
        self, credentials: Credentials, form: dict[str, str], audience: str
    ) -> Mapping[str, str]:
        """Return the header fields that authenticate the request; its form gets what belongs there.

        `audience` is who the proof is for: the issuer, or the token endpoint where none is known.
        Raises TokenConfigurationError when the credentials do not serve for this method.
        """
        ...


class ClientSecretBasic:
    """HTTP Basic with the client's id and secret: the default (RFC 6749 §2.3.1, RFC 8414 §2).

    Both are form-urlencoded first, as the standard says. ``form_encode=False`` sends them as they
    are, for servers that do not decode them.
    """

    __slots__ = ("_form_encode",)

    def __init__(self, form_encode: bool = True) -> None:  # noqa: FBT001, FBT002 - RFC's way or not
        self._form_encode = form_encode

    async def authenticate(
        self,
        credentials: Credentials,
        form: dict[str, str],  # noqa: ARG002 - nothing of Basic is in the form
        audience: str,  # noqa: ARG002 - nor is it for one server only
    ) -> Mapping[str, str]:
        """Return the Authorization field; an empty secret is sent as ``id:``."""
        return {"Authorization": _basic(require(credentials), form_encode=self._form_encode)}


def require(credentials: Credentials) -> tuple[str, str]:
    """Return id and secret. Raises TokenConfigurationError naming the one that is missing."""
    client_id = _text("client_id", credentials.client_id)
    client_secret = _text("client_secret", credentials.client_secret)
    if not client_id:
        raise TokenConfigurationError("Missing client_id: it is empty")
    return client_id, client_secret


def _text(name: str, value: object) -> str:
    if value is None:
        raise TokenConfigurationError(f"Missing {name}: pass it to Client or TokenManager")
    if not isinstance(value, str) or not _is_utf8(value):
        raise TokenConfigurationError(f"{name} must be text that UTF-8 can encode")
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _basic(pair: tuple[str, str], *, form_encode: bool) -> str:
    client_id, client_secret = (quote_plus(part) for part in pair) if form_encode else pair
    if not form_encode and ":" in client_id:
        raise TokenConfigurationError(
            "a client_id with a colon cannot be sent unencoded in HTTP Basic (RFC 7617 §2): "
            "use form_encode=True"
        )
    return "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode("ascii")
