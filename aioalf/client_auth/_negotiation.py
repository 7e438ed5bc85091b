"""Which method is used where the caller chose none (RFC 6749 §2.3.1, RFC 8414 §2). Pure."""

from __future__ import annotations

from collections.abc import Collection

from aioalf._redaction import printable
from aioalf.client_auth.basic import ClientSecretBasic
from aioalf.client_auth.post import ClientSecretPost
from aioalf.client_auth.protocols import ClientAuth
from aioalf.client_auth.public import PublicClient
from aioalf.client_auth.secret_jwt import ClientSecretJWT
from aioalf.errors import TokenConfigurationError


def default_method(listed: Collection[str] | None, *, has_secret: bool) -> ClientAuth:
    """Return the method for a server that lists these, None for one that lists nothing.

    A client without a secret is a public one. With a secret it is HTTP Basic where the server takes
    it, else the form, else an assertion. Raises TokenConfigurationError where it takes none of
    them: then a key or a certificate is needed, which only the caller has.
    """
    if not has_secret:
        return PublicClient()
    if listed is None or "client_secret_basic" in listed:
        return ClientSecretBasic()
    if "client_secret_post" in listed:
        return ClientSecretPost()
    if "client_secret_jwt" in listed:
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
