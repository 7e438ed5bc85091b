"""Where a token is to be used: ``resource`` (RFC 8707) and ``audience`` (RFC 8693 §2.1).

Plain values; knows nothing of tokens.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.oauth_error import OAuthError
from aioalf.testing.settings import Settings


def resources(settings: Settings, asked: Parameters) -> tuple[str, ...]:
    """The resources asked for; OAuthError ``invalid_target`` for what is none, or is not known."""
    values = asked.every("resource")
    if not all(_is_absolute(value) for value in values):
        raise OAuthError("invalid_target", "A resource is an absolute URI without a fragment.")
    return _known(settings, values)


def audience(settings: Settings, asked: Parameters) -> tuple[str, ...]:
    """The audience asked for; OAuthError ``invalid_target`` where it is not known."""
    return _known(settings, asked.every("audience"))


def _is_absolute(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) and "#" not in uri


def _known(settings: Settings, values: tuple[str, ...]) -> tuple[str, ...]:
    if settings.resources is not None and not set(settings.resources).issuperset(values):
        raise OAuthError("invalid_target", "No token is given for this resource or audience.")
    return values
