"""Which method is used where the caller chose none (RFC 6749 §2.3.1, RFC 8414 §2). Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from aioalf.errors import TokenConfigurationError
from aioalf.redaction import printable

if TYPE_CHECKING:
    from aioalf.client_auth.contract import ClientAuth


def default_method(listed: Collection[str] | None, *, has_secret: bool) -> ClientAuth:
    """Return the method for a server that lists these, None for one that lists nothing.

    A client without a secret is a public one. With a secret it is HTTP Basic where the server takes
    it, else the form, else an assertion. Raises TokenConfigurationError where it takes none of
    them: then a key or a certificate is needed, which only the caller has.
    """
    if not has_secret:
        from aioalf.client_auth.public import PublicClient  # noqa: PLC0415 - one is imported of all

        return PublicClient()
    if listed is None or "client_secret_basic" in listed:
        from aioalf.client_auth.basic import ClientSecretBasic  # noqa: PLC0415 - as above

        return ClientSecretBasic()
    if "client_secret_post" in listed:
        from aioalf.client_auth.post import ClientSecretPost  # noqa: PLC0415 - as above

        return ClientSecretPost()
    if "client_secret_jwt" in listed:
        from aioalf.client_auth.secret_jwt import ClientSecretJWT  # noqa: PLC0415 - as above

        return ClientSecretJWT()
    names = printable(", ".join(sorted(listed))) or "no method"
    raise TokenConfigurationError(
        f"The server authenticates clients by {names}, and not by a client_secret: pass client_auth"
    )


def method_elsewhere(
    method: ClientAuth, listed: Collection[str] | None, *, has_secret: bool
) -> ClientAuth:
    """Return the method for another endpoint than the token endpoint, which lists its own.

    It is the same unless that is not listed and the secret serves for one that is: some servers
    revoke with HTTP Basic alone.
    """
    if listed is None or method.method in listed or not has_secret:
        return method
    try:
        return default_method(listed, has_secret=True)
    except TokenConfigurationError:  # then let the server say what it wants
        return method
