"""The URLs of an authorization server's endpoints: configured ones, else those in its metadata.

Must not know what is sent to an endpoint.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple, cast

from yarl import URL

from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.metadata import (
    Metadata,
    endpoint_in,
    has_tenant_placeholder,
    read_given_metadata,
    read_issuer,
    string_set,
)
from aioalf._auth_server.metadata_cache import MetadataCache
from aioalf._urls import (
    SECURE_ONLY,
    PlainHTTPHosts,
    http_hosts_advice,
    missing_endpoint_error,
    read_endpoint,
    read_http_hosts,
    warn_insecure,
)
from aioalf.errors import TokenConfigurationError, TokenError


class ServerOptions(NamedTuple):
    """Where an issuer's metadata is, and which hosts may use plain http.

    Attributes:
        metadata_url: The URL of the metadata, if it is not a well-known URL of the issuer.
        metadata: The metadata itself; then no request is sent for it.
        allow_http_hosts: The hosts that the program trusts over plain http.
    """

    metadata_url: str | URL | None = None
    metadata: Mapping[str, object] | None = None
    allow_http_hosts: Collection[str] | None = None


class ServerEndpoints:
    """The endpoints of one server, by their names in metadata (RFC 8414 §2).

    Args:
        issuer: The issuer identifier, whose metadata names the endpoints.
        endpoints: The configured URLs; they override the metadata.
        http: Sends the requests for metadata.
        options: Where the metadata is, and which hosts may use plain http.

    Raises:
        TokenConfigurationError: An argument is invalid. Plain http of other hosts causes a warning
            or, for endpoints that take tokens, this error.
    """

    __slots__ = ("_given", "_metadata_cache", "configured", "http_hosts", "issuer")

    def __init__(
        self,
        issuer: str | None,
        endpoints: Mapping[str, str | URL],
        http: AuthServerHTTP,
        options: ServerOptions | None = None,
    ) -> None:
        metadata_url, metadata, allow_http_hosts = options or ServerOptions()
        self.http_hosts: PlainHTTPHosts = read_http_hosts(allow_http_hosts)
        self.issuer: str | None = None if issuer is None else read_issuer(issuer, self.http_hosts)
        """The configured issuer identifier, None without an issuer."""
        self._metadata_cache: MetadataCache | None = None
        self._given: Metadata | None = None
        if metadata is not None:
            if metadata_url is not None:
                raise TokenConfigurationError("Pass metadata or metadata_url, not both")
            self._given = read_given_metadata(metadata, self.issuer, self.http_hosts)
            self.issuer = self.issuer or cast("str | None", self._given.get("issuer"))
        elif issuer is not None or metadata_url is not None:
            self._metadata_cache = MetadataCache(self.issuer, http, metadata_url, self.http_hosts)
        self.configured: dict[str, URL] = {
            name: read_endpoint(name, url) for name, url in endpoints.items()
        }
        for name, url in self.configured.items():
            if self.http_hosts.is_insecure(url):
                if name in SECURE_ONLY:
                    raise TokenConfigurationError(
                        f"{name} must be an https URL (RFC 7009 §5, RFC 7662 §4)"
                        + http_hosts_advice(url)
                    )
                warn_insecure(f"The {name.replace('_', ' ')}", url)

    @property
    def identity(self) -> str | None:
        """The configured URL that identifies the server if there is no issuer, for cache keys."""
        url = self.configured.get("token_endpoint")
        if url is None and self.issuer is None:
            fetched = () if self._metadata_cache is None else self._metadata_cache.urls
            return next(map(str, fetched), None) or _text((self._given or {}).get("token_endpoint"))
        return None if url is None else str(url)

    async def audience(self) -> str | None:
        """Return the issuer of the server, None if it is unknown. Raises MetadataError."""
        issuer = self.issuer or _text((await self.metadata()).get("issuer"))
        return None if issuer is None or has_tenant_placeholder(issuer) else issuer

    async def metadata(self) -> Metadata:
        """Return the issuer's metadata, empty without an issuer. Raises MetadataError."""
        if self._metadata_cache is not None:
            return await self._metadata_cache.metadata()
        return self._given or {}

    async def url_of(self, name: str, *, over_mtls: bool) -> URL:
        """Return the URL of an endpoint; `over_mtls` prefers the alias for mutual TLS.

        Raises TokenConfigurationError if the endpoint is unknown, and MetadataError.
        """
        try:
            url = await self.find(name, over_mtls=over_mtls)
            if url is None:
                has_metadata = self._given is not None or self._metadata_cache is not None
                raise missing_endpoint_error(name, has_metadata=has_metadata)
        except TokenError:
            if self._metadata_cache is not None:
                self._metadata_cache.refetch_soon()
            raise
        return url

    async def find(self, name: str, *, over_mtls: bool) -> URL | None:
        """Return the URL of an endpoint as `url_of` does, None if the endpoint is unknown."""
        if name in self.configured:
            return self.configured[name]
        return endpoint_in(
            await self.metadata(), name, over_mtls=over_mtls, http_hosts=self.http_hosts
        )

    async def methods_at(self, name: str) -> frozenset[str] | None:
        """Return the client authentication methods that metadata lists for this endpoint, or None.

        Metadata is not fetched for a configured endpoint: it could delay or fail the request.
        Raises MetadataError.
        """
        if name in self.configured and self._metadata_cache is not None:
            return None
        return string_set(await self.metadata(), f"{name}_auth_methods_supported")

    async def close(self) -> None:
        """Cancel a metadata request in flight."""
        if self._metadata_cache is not None:
            await self._metadata_cache.close()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
