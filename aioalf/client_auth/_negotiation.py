"""Chooses the client authentication method if the caller passed none (RFC 6749 §2.3.1).

Pure: metadata in, method out (RFC 8414 §2).
"""

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
    """Choose a method that the server's metadata lists; `listed` is None if it lists nothing.

    A client without a secret is a public client. A client with a secret uses the first supported
    of HTTP Basic, the form, and a JWT. Raises TokenConfigurationError if the server supports none
    of these: then the caller has to pass a key or a certificate.
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
        f"The server authenticates clients by {names}, not by a client_secret: pass client_auth"
    )


def method_elsewhere(
    method: ClientAuth, listed: Collection[str] | None, *, has_secret: bool
) -> ClientAuth:
    """Return the method for an endpoint other than the token endpoint, such as revocation.

    The same method is used unless it sends the secret by Basic or in the form, and the endpoint's
    metadata lists another method for a secret: some servers accept only Basic for revocation. Any
    other method is kept, so that metadata never makes a client send a secret that it does not send
    to the token endpoint.
    """
    if listed is None or method.method in listed or not _sends_secret(method) or not has_secret:
        return method
    try:
        return default_method(listed, has_secret=True)
    except TokenConfigurationError:  # send the request anyway: the server's error says more
        return method


def _sends_secret(method: ClientAuth) -> bool:
    # Not isinstance: a subclass may send the secret in a better way, or show a certificate too.
    return type(method) in (ClientSecretBasic, ClientSecretPost)
