"""Authorization server metadata: its URLs, and the checks before it is used. Pure.

RFC 8414 and OpenID Connect Discovery 1.0. Takes URLs and bytes; returns values or raises
`MetadataError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from yarl import URL

from aioalf._auth_server.response import read_object
from aioalf._urls import is_insecure, is_remote, parse_endpoint, read_endpoint, redact_url
from aioalf.errors import MetadataError, TokenConfigurationError

Metadata = Mapping[str, object]

_WELL_KNOWN: Final = r"/\.well-known/(oauth-authorization-server|openid-configuration)"


def read_issuer(issuer: str) -> str:
    """Return an issuer identifier unchanged, because it is compared as a string (RFC 8414 §2).

    Raises TokenConfigurationError if it is not an https URL, or has a query or a fragment. Plain
    http is allowed for this machine.
    """
    url = read_endpoint("issuer", issuer)
    if "?" in str(issuer):
        raise TokenConfigurationError("issuer must not have a query (RFC 8414 §2)")
    if re.search(_WELL_KNOWN, url.raw_path):
        meant = url.with_path(re.sub(_WELL_KNOWN, "", url.raw_path), encoded=True)
        raise TokenConfigurationError(
            "issuer must not be the URL of its metadata: pass "
            f"issuer={str(meant).rstrip('/')!r}, or the issuer that the metadata names"
        )
    if is_insecure(url):
        raise TokenConfigurationError("issuer must be an https URL (RFC 8414 §2)")
    return str(issuer)


def well_known(issuer: str) -> tuple[URL, ...]:
    """Return the possible URLs of an issuer's metadata, in the order to try (RFC 8414 §3.1, §5).

    RFC 8414 puts the well-known part between host and path, OpenID Connect Discovery after the
    path.
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
    named = members.get("issuer")
    if named != issuer:
        is_other_slash = named in (f"{issuer}/", issuer.removesuffix("/"))
        raise MetadataError(
            "it names another issuer: compare the configured issuer character by character, "
            "including a trailing slash (RFC 8414 §3.3)"
            + (f"; pass issuer={named!r}" if is_other_slash else "")
        )
    return MappingProxyType(members)


def endpoint_in(metadata: Metadata, name: str, *, over_mtls: bool = False) -> URL | None:
    """Return the URL of an endpoint, None if metadata does not name it.

    With `over_mtls`, the alias for mutual TLS takes precedence (RFC 8705 §5). Raises MetadataError
    if the URL is invalid, or plain http. Plain http is allowed on this machine, if the issuer is a
    plain http URL too: metadata from another machine must not direct secrets to a local service.
    """
    aliases = metadata.get("mtls_endpoint_aliases")
    value = metadata.get(name)
    if over_mtls and isinstance(aliases, Mapping):
        value = cast("Metadata", aliases).get(name, value)
    if value is None:
        return None
    try:
        url = parse_endpoint(value if isinstance(value, str) else "")
    except ValueError as problem:
        raise MetadataError(f"its {name} {problem}") from None
    is_local = URL(str(metadata.get("issuer"))).scheme == "http" and not is_remote(url)
    if url.scheme == "http" and not is_local:
        raise MetadataError(f"its {name} {redact_url(url)} is plain http")
    return url


def string_set(metadata: Metadata, name: str) -> frozenset[str] | None:
    """Return the strings of a list as a set, None if the member is absent or not a list."""
    values = metadata.get(name)
    if not isinstance(values, list):
        return None
    listed = cast("list[object]", values)
    return frozenset(value for value in listed if isinstance(value, str))
