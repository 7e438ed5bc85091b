"""The key of an entry in a token cache: a hash of everything that the token depends on.

Two clients have the same key only if they can use each other's tokens. A key reveals none of its
parts, and is the same in every process and release unless `VERSION` changes. Must not know caches.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from yarl import URL

from aioalf.errors import TokenConfigurationError
from aioalf.grants import AuthorizationServer, Grant

VERSION: Final = "alf1"
"""The prefix of every key. Changing it makes all existing cache entries unreachable."""


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
    server: AuthorizationServer,
    token_endpoint: str | URL | None,
    owner: str | None = None,
) -> str:
    """Return the key of the tokens of `grant` at this endpoint: 69 letters, digits and ``-``.

    The order and repetition of scopes, resources and audiences do not matter. `token_endpoint` is
    the configured URL, and not the URL in the issuer's metadata, which may change. `owner` is a
    `cache_owner`.

    Raises TokenConfigurationError if the subject of the tokens is unknown (`Grant.subject_key`), or
    if there is neither an issuer nor a token endpoint.
    """
    if grant.subject_key is None:
        raise TokenConfigurationError(
            f"cache cannot be used with {grant.name}: its subject_key is None, so two users could "
            "share a cached token. Give the grant a subject_key, or pass no cache"
        )
    if not server.issuer and not token_endpoint:
        raise TokenConfigurationError(
            "A cache key needs an issuer or a token endpoint: neither is given"
        )
    params = server.request_params
    # JSON separates the parts: simply joined, "a" + "bc" would equal "ab" + "c".
    parts: dict[str, object] = {
        "issuer": server.issuer or None,
        "token_endpoint": str(URL(token_endpoint)) if token_endpoint else None,
        "client_id": server.client_id or "",
        "grant": grant.name,
        "scope": sorted(set(params.scope.split())),
        "resource": sorted(set(params.resource)),
        "audience": sorted(set(params.audience)),
        "extra": {name: [value] for name, value in params.extra.items()},
        "subject": grant.subject_key or None,
        "proof_key": None,  # without it, existing entries would have other keys
    }
    if owner is not None:
        parts["owner"] = owner
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return f"{VERSION}-{sha256(text.encode('ascii')).hexdigest()}"
