"""Compares the issuer that a redirect names (``iss``) with the configured one (RFC 9207). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aioalf._auth_server.metadata import has_tenant_placeholder, is_issuer
from aioalf.errors import AuthorizationError


def issuer_error(
    issuer: str | None,
    metadata: Mapping[str, object],
    response: Mapping[str, str],
    *,
    allow_missing: bool = False,
) -> AuthorizationError | None:
    """Return an error if another server may have sent the response in the browser (§2.4).

    `issuer` is the configured issuer, None for the one that the metadata names. Without any issuer,
    nothing can be compared. If the configured issuer has a placeholder for tenants, the issuer in
    the metadata is compared. `allow_missing` accepts a response without ``iss`` although the
    metadata promises it.
    """
    if issuer is None or has_tenant_placeholder(issuer):  # metadata may name a single tenant
        issuer = cast("str | None", metadata.get("issuer")) or issuer
    if issuer is None:
        return None
    found = response.get("iss")
    if found is not None:
        is_other = not is_issuer(found, issuer)
        return _discarded("from another issuer (iss) than the configured one") if is_other else None
    is_promised = metadata.get("authorization_response_iss_parameter_supported") is True
    if is_promised and not allow_missing:
        return _discarded(
            "without the issuer (iss) that this server's metadata promises; if the server never "
            "sends it to this client, pass AuthorizationCode(allow_missing_iss=True)"
        )
    return None


def _discarded(how: str) -> AuthorizationError:
    return AuthorizationError(
        f"The response in the browser was discarded: it came {how} (RFC 9207 §2.4)", error=None
    )
