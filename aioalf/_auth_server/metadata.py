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
from aioalf._masking import printable
from aioalf._urls import (
    NO_HTTP_HOSTS,
    PlainHTTPHosts,
    http_hosts_advice,
    is_remote,
    parse_endpoint,
    read_endpoint,
    redact_url,
)
from aioalf.errors import MetadataError, TokenConfigurationError

Metadata = Mapping[str, object]

TENANT: Final = "{tenantid}"
"""Microsoft's placeholder in the issuer of several tenants: one segment of the path."""

_WELL_KNOWN: Final = r"/\.well-known/(oauth-authorization-server|openid-configuration)"
_TENANT_SEGMENT: Final = r"(?<=[^/]/)\{tenantid\}(?=/|\Z)"
_TENANT_ID: Final = "[A-Za-z0-9.-]+"
_SHOWN_ISSUER: Final = 200


def read_issuer(issuer: str, http_hosts: PlainHTTPHosts = NO_HTTP_HOSTS) -> str:
    """Return an issuer identifier unchanged, because it is compared as a string (RFC 8414 §2).

    Raises TokenConfigurationError if it is not an https URL, or has a query or a fragment. Plain
    http is allowed for this machine and for `http_hosts`.
    """
    url = read_endpoint("issuer", issuer)
    if "?" in str(issuer):
        raise TokenConfigurationError("issuer must not have a query (RFC 8414 §2)")
    if re.search(_WELL_KNOWN, url.raw_path):
        meant = url.with_path(re.sub(_WELL_KNOWN, "", url.raw_path), encoded=True)
        raise TokenConfigurationError(
            "issuer must not be the URL of its metadata: pass "
            f"issuer={str(meant).rstrip('/')!r}, or the issuer that the metadata names, or pass "
            "the URL as metadata_url"
        )
    if http_hosts.is_insecure(url):
        raise TokenConfigurationError(
            f"issuer must be an https URL (RFC 8414 §2){http_hosts_advice(url)}"
        )
    if TENANT in re.sub(_TENANT_SEGMENT, "", str(issuer)):
        raise TokenConfigurationError(f"issuer can have {TENANT} only as a segment of its path")
    return str(issuer)


def has_tenant_placeholder(issuer: str) -> bool:
    """Return whether an issuer is a pattern for the issuers of several tenants."""
    return TENANT in issuer


def is_issuer(found: str, issuer: str) -> bool:
    """Return whether the ``iss`` of a redirect is the issuer (RFC 9207 §2.4).

    It is compared character by character; a placeholder is any one segment of the path.
    """
    pattern = re.escape(issuer).replace(re.escape(TENANT), _TENANT_ID)
    return re.fullmatch(pattern, found) is not None


def _is_of(named: str, issuer: str) -> bool:
    """Return whether metadata names the configured issuer, or one of its tenants."""
    return named == issuer or is_issuer(named, issuer)


def read_given_metadata(
    metadata: Mapping[str, object],
    issuer: str | None,
    http_hosts: PlainHTTPHosts = NO_HTTP_HOSTS,
) -> Metadata:
    """Return a copy of metadata that a program passes instead of its URL.

    Raises TokenConfigurationError if its issuer is invalid, or is not the configured one.
    """
    named = metadata.get("issuer")
    if named is not None:
        named = read_issuer(named if isinstance(named, str) else "", http_hosts)
    if issuer is not None and named is not None and not _is_of(named, issuer):
        raise TokenConfigurationError(
            f"The issuer in metadata is {named!r}, and issuer is {issuer!r}: remove one of them"
        )
    return MappingProxyType(dict(metadata))


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


def metadata_urls(
    issuer: str | None,
    metadata_url: str | URL | None,
    http_hosts: PlainHTTPHosts = NO_HTTP_HOSTS,
) -> tuple[URL, ...]:
    """Return the URLs of the metadata, in the order to try.

    Raises TokenConfigurationError if `metadata_url` is invalid, insecure, or missing although it is
    needed.
    """
    if metadata_url is not None:
        url = read_endpoint("metadata_url", metadata_url)
        if http_hosts.is_insecure(url):
            raise TokenConfigurationError(
                f"metadata_url must be an https URL (RFC 8414 §3){http_hosts_advice(url)}"
            )
        return (url,)
    if issuer is None or has_tenant_placeholder(issuer):
        raise TokenConfigurationError(
            f"The metadata of an issuer with {TENANT} has no well-known URL: pass metadata_url"
        )
    return well_known(issuer)


def read_metadata(
    body: bytes,
    content_type: str,
    issuer: str | None,
    url: URL,
    http_hosts: PlainHTTPHosts = NO_HTTP_HOSTS,
) -> Metadata:
    """Return the members of the metadata that was found at `url` (RFC 8414 §3.2, §3.3).

    Without a configured `issuer`, the program trusts this URL, and the metadata names the issuer.
    An issuer with several tenants has metadata for each of them. Raises MetadataError.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise MetadataError("it is not application/json")
    members = read_object(body)
    if members is None:
        raise MetadataError("it is not a JSON object")
    named = members.get("issuer")
    if not isinstance(named, str):
        raise MetadataError("it names no issuer (RFC 8414 §3.3)")
    if issuer is None:
        _check_found_issuer(named, url, http_hosts)
    elif not _is_of(named, issuer):
        raise MetadataError(_other_issuer(named, issuer, url))
    return MappingProxyType(members)


def _check_found_issuer(named: str, url: URL, http_hosts: PlainHTTPHosts) -> None:
    try:
        read_issuer(named, http_hosts)
    except TokenConfigurationError as error:
        raise MetadataError(f"its {error}") from None
    if url.scheme == "https" and URL(named).scheme != "https" and not http_hosts.allows(URL(named)):
        raise MetadataError("its issuer is plain http, and the URL of the metadata is https")


def _other_issuer(named: str, issuer: str, url: URL) -> str:
    shown = printable(repr(named), _SHOWN_ISSUER)
    try:
        needs_url = url in well_known(issuer) and url not in well_known(read_issuer(named))
    except TokenConfigurationError:
        return f"it names another issuer, {shown} (RFC 8414 §3.3)"
    where = f" and metadata_url={str(url)!r}" if needs_url else ""
    return (
        f"it names another issuer, {shown} (RFC 8414 §3.3); if this is the issuer that you mean, "
        f"pass issuer={shown}{where}"
    )


def endpoint_in(
    metadata: Metadata,
    name: str,
    *,
    over_mtls: bool = False,
    http_hosts: PlainHTTPHosts = NO_HTTP_HOSTS,
) -> URL | None:
    """Return the URL of an endpoint, None if metadata does not name it.

    With `over_mtls`, the alias for mutual TLS takes precedence (RFC 8705 §5). Raises MetadataError
    if the URL is invalid, or plain http. Plain http is allowed for `http_hosts`, and on this
    machine, if the issuer is a plain http URL too: metadata from another machine must not direct
    secrets to a local service.
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
    is_local = not is_remote(url) and _is_plain_http(metadata)
    if url.scheme == "http" and not is_local and not http_hosts.allows(url):
        raise MetadataError(
            f"its {name} {redact_url(url)} is plain http"
            + (http_hosts_advice(url) if is_remote(url) else "")
        )
    return url


def _is_plain_http(metadata: Metadata) -> bool:
    # Only metadata that a program passes can be without an issuer.
    issuer = metadata.get("issuer")
    return issuer is None or URL(str(issuer)).scheme == "http"


def string_set(metadata: Metadata, name: str) -> frozenset[str] | None:
    """Return the strings of a list as a set, None if the member is absent or not a list."""
    values = metadata.get(name)
    if not isinstance(values, list):
        return None
    listed = cast("list[object]", values)
    return frozenset(value for value in listed if isinstance(value, str))
