"""The key under which a token cache keeps a grant: what was asked for, in one short text.

Pure; it knows what a grant says of itself, and no cache. Two requests have one key only where the
token of the one can serve the other. Nothing that goes in can be read from the key; it is the same
in every process and after every upgrade, unless `VERSION` changes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Final

from yarl import URL

from aioalf._syntax import join_scope
from aioalf.errors import TokenConfigurationError
from aioalf.grants import AuthorizationServer, Grant
from aioalf.grants.protocols import SubjectGrant

VERSION: Final = "alf1"
"""What every key begins with; another one makes another key of the same request."""

_WITHOUT_SUBJECT: Final = frozenset(
    {
        "authorization_code",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
    }
)


def cache_key(
    *,
    client_id: str,
    grant: str,
    issuer: str | None = None,
    token_endpoint: str | None = None,
    scope: str | Collection[str] | None = None,
    resource: str | Collection[str] = (),
    audience: str | Collection[str] = (),
    extra: Mapping[str, str | Collection[str]] | None = None,
    subject: str | None = None,
    proof_key: str | None = None,
) -> str:
    """Return the key of a request: letters, digits and ``-`` only, 69 characters.

    ``issuer`` and ``token_endpoint`` are those that were configured, one at least: an endpoint
    that the issuer's metadata gave may move. ``grant`` names the kind of grant. ``scope``,
    ``resource`` and ``audience`` are sets: neither order nor repetition counts. ``extra`` holds the
    further parameters of the request; of one with several values the order counts. ``subject`` is
    for whom the token is: a subject token, an assertion's subject, None for the client itself or
    who logs in. ``proof_key`` is the thumbprint of the key that the token is bound to. Raises
    TokenConfigurationError where neither issuer nor endpoint is given, or scope is no text.
    """
    if not issuer and not token_endpoint:
        raise TokenConfigurationError(
            "A token is kept for an issuer or a token endpoint: neither is given"
        )
    # JSON keeps the parts apart: joined, "a" + "bc" would be "ab" + "c".
    parts: dict[str, object] = {
        "issuer": issuer or None,
        "token_endpoint": token_endpoint or None,
        "client_id": client_id,
        "grant": grant,
        "scope": _as_set(join_scope(scope).split()),
        "resource": _as_set(resource),
        "audience": _as_set(audience),
        "extra": {name: _as_list(value) for name, value in (extra or {}).items()},
        "subject": subject,
        "proof_key": proof_key,
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return f"{VERSION}-{sha256(text.encode('ascii')).hexdigest()}"


def cache_key_for(
    grant: Grant, endpoint: AuthorizationServer, token_endpoint: str | URL | None
) -> str:
    """Return the key of what this client asks for (`cache_key`).

    Raises TokenConfigurationError for a grant whose token is for somebody who is not in the key.
    """
    subject = grant.subject_key if isinstance(grant, SubjectGrant) else None
    if subject is None and grant.name not in _WITHOUT_SUBJECT:
        raise TokenConfigurationError(
            f"cache cannot be used with {grant.name} here: it does not say for whom its tokens are"
        )
    asked = endpoint.asked
    return cache_key(
        client_id=endpoint.client_id or "",
        grant=grant.name,
        issuer=endpoint.issuer,
        token_endpoint=None if token_endpoint is None else str(URL(token_endpoint)),
        scope=asked.scope,
        resource=asked.resource,
        audience=asked.audience,
        extra=asked.extra,
        subject=subject,
    )


def _as_list(values: str | Collection[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _as_set(values: str | Collection[str]) -> list[str]:
    return sorted(set(_as_list(values)))
