"""The key of an entry in a token cache: a hash of everything that the token depends on.

Two clients have the same key only if they can use each other's tokens. A key reveals none of its
parts, and is the same in every process and release unless `VERSION` changes. Must not know caches.
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

VERSION: Final = "alf1"
"""The prefix of every key. Changing it makes all existing cache entries unreachable."""


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
    owner: str | None = None,
) -> str:
    """Return a cache key: 69 letters, digits and ``-``.

    Args:
        client_id: The client that requests the token.
        grant: The name of the kind of grant.
        issuer: The configured issuer. It or ``token_endpoint`` is required.
        token_endpoint: The configured token endpoint; not the one of the issuer's metadata, which
            may change.
        scope: The requested scope. Order and repetition do not matter here and in the next two.
        resource: The requested resources (RFC 8707).
        audience: The requested audiences.
        extra: The other parameters of the token request. The order of a parameter's values matters.
        subject: Identifies whose token it is, such as a subject token or an assertion's subject.
            None means the client itself, or the user who signs in.
        proof_key: The thumbprint of the key that the token is bound to.
        owner: The clients that may use the token (`cache_owner`).

    Raises:
        TokenConfigurationError: Neither ``issuer`` nor ``token_endpoint`` is given, or ``scope`` is
            not a string or a collection of strings.
    """
    if not issuer and not token_endpoint:
        raise TokenConfigurationError(
            "A cache key needs an issuer or a token endpoint: neither is given"
        )
    # JSON separates the parts: simply joined, "a" + "bc" would equal "ab" + "c".
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
    if owner is not None:
        parts["owner"] = owner
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return f"{VERSION}-{sha256(text.encode('ascii')).hexdigest()}"


def cache_owner(client_proof: str | None, namespace: str | None) -> str | None:
    """Return the owner of a cached token: a namespace, or a proof of the client's identity.

    A public client identifier is not enough: another tenant's client could use the same one.
    `client_proof` is a digest of the client's secret or key. None means every client with the same
    identifier.
    """
    if namespace is not None:
        return f"namespace {namespace}"
    return None if client_proof is None else f"proof {client_proof}"


def cache_key_for(
    grant: Grant,
    endpoint: AuthorizationServer,
    token_endpoint: str | URL | None,
    owner: str | None = None,
) -> str:
    """Return the key of the tokens that `grant` requests from this endpoint (`cache_key`).

    Raises TokenConfigurationError if the subject of the tokens is unknown (`Grant.subject_key`).
    """
    if grant.subject_key is None:
        raise TokenConfigurationError(
            f"cache cannot be used with {grant.name}: its subject_key is None, so two users could "
            "share a cached token. Give the grant a subject_key, or pass no cache"
        )
    params = endpoint.request_params
    return cache_key(
        client_id=endpoint.client_id or "",
        grant=grant.name,
        issuer=endpoint.issuer,
        token_endpoint=None if token_endpoint is None else str(URL(token_endpoint)),
        scope=params.scope,
        resource=params.resource,
        audience=params.audience,
        extra=params.extra,
        subject=grant.subject_key or None,
        owner=owner,
    )


def _as_list(values: str | Collection[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _as_set(values: str | Collection[str]) -> list[str]:
    return sorted(set(_as_list(values)))
