"""Authorization server metadata: where it is, and whether it may be believed. Pure.

RFC 8414 and OpenID Connect Discovery 1.0. URLs and bytes in, values or a `MetadataError` out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from yarl import URL

from aioalf._auth_server.token_response import read_object
from aioalf._urls import is_insecure, read_endpoint, redact_url
from aioalf.errors import MetadataError, TokenConfigurationError

Metadata = Mapping[str, object]


def read_issuer(issuer: str) -> str:
    """Return an issuer identifier as it was written, for it is compared so (RFC 8414 §2).

    Raises TokenConfigurationError for what is no https URL, or has a query or a fragment; plain
    http is for this machine only.
    """
    url = read_endpoint("issuer", issuer)
    if "?" in str(issuer):
        raise TokenConfigurationError("issuer must not have a query (RFC 8414 §2)")
    if is_insecure(url):
        raise TokenConfigurationError("issuer must be an https URL (RFC 8414 §2)")
    return str(issuer)


def well_known(issuer: str) -> tuple[URL, ...]:
    """Return where an issuer's metadata may be, in the order to look (RFC 8414 §3.1, §5).

    First the standard's place, between host and path, then OpenID Connect's, after the path.
    """
    url = URL(issuer)
    path = url.raw_path.rstrip("/")
    return (
        url.with_path(f"/.well-known/oauth-authorization-server{path}", encoded=True),
        url.with_path(f"{path}/.well-known/openid-configuration", encoded=True),
    )


def read_metadata(body: bytes, content_type: str, issuer: str) -> Metadata:
    """Return the members of an issuer's metadata (RFC 8414 §3.2, §3.3). Raises MetadataError."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise MetadataError("it is not application/json")
    members = read_object(body)
    if members is None:
        raise MetadataError("it is not a JSON object")
    if members.get("issuer") != issuer:
        raise MetadataError(
            "it names another issuer: compare the issuer that was configured, character by "
            "character, a slash at its end included (RFC 8414 §3.3)"
        )
    return MappingProxyType(members)


def endpoint_in(metadata: Metadata, name: str, *, over_mtls: bool = False) -> URL | None:
    """Return an endpoint by its name, None when there is none.

    With mutual TLS the alias of that name goes first (RFC 8705 §5). Raises MetadataError for what
    is no URL to ask, and for plain http to another machine.
    """
    aliases = metadata.get("mtls_endpoint_aliases")
    value = metadata.get(name)
    if over_mtls and isinstance(aliases, Mapping):
        value = cast("Metadata", aliases).get(name, value)
    if value is None:
        return None
    try:
        url = read_endpoint(name, value if isinstance(value, str) else "")
    except TokenConfigurationError as error:
        raise MetadataError(f"its {error}") from None
    if is_insecure(url):
        raise MetadataError(f"its {name} {redact_url(url)} is plain http")
    return url


def string_set(metadata: Metadata, name: str) -> frozenset[str] | None:
    """Return a list of texts as a set, None when it is absent or none."""
    values = metadata.get(name)
    if not isinstance(values, list):
        return None
    listed = cast("list[object]", values)
    return frozenset(value for value in listed if isinstance(value, str))
