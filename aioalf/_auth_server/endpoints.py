"""The URLs of an authorization server's endpoints: configured ones, else those in its metadata.

Must not know what is sent to an endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping

from yarl import URL

from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.metadata import Metadata, endpoint_in, string_set
from aioalf._auth_server.metadata_cache import MetadataCache
from aioalf._urls import (
    SECURE_ONLY,
    is_insecure,
    missing_endpoint_error,
    read_endpoint,
    warn_insecure,
)
from aioalf.errors import TokenConfigurationError, TokenError


class ServerEndpoints:
    """The endpoints of one server, by their names in metadata (RFC 8414 §2).

    `endpoints` are the configured URLs and override the issuer's metadata. Raises
    TokenConfigurationError if the issuer or a URL is invalid, and warns about plain http.
    """

    __slots__ = ("_metadata_cache", "configured")

    def __init__(
        self, issuer: str | None, endpoints: Mapping[str, str | URL], http: AuthServerHTTP
    ) -> None:
        self._metadata_cache = None if issuer is None else MetadataCache(issuer, http)
        self.configured = {name: read_endpoint(name, url) for name, url in endpoints.items()}
        for name, url in self.configured.items():
            if is_insecure(url):
                if name in SECURE_ONLY:
                    raise TokenConfigurationError(
                        f"{name} must be an https URL (RFC 7009 §5, RFC 7662 §4)"
                    )
                warn_insecure(f"The {name.replace('_', ' ')}", url)

    @property
    def issuer(self) -> str | None:
        """The configured issuer identifier, None without an issuer."""
        return None if self._metadata_cache is None else self._metadata_cache.issuer

    async def metadata(self) -> Metadata:
        """Return the issuer's metadata, empty without an issuer. Raises MetadataError."""
        return {} if self._metadata_cache is None else await self._metadata_cache.metadata()

    async def url_of(self, name: str, *, over_mtls: bool) -> URL:
        """Return the URL of an endpoint; `over_mtls` prefers the alias for mutual TLS.

        Raises TokenConfigurationError if the endpoint is unknown, and MetadataError.
        """
        try:
            url = await self.find(name, over_mtls=over_mtls)
            if url is None:
                raise missing_endpoint_error(name, self.issuer)
        except TokenError:
            if self._metadata_cache is not None:
                self._metadata_cache.refetch_soon()
            raise
        return url

    async def find(self, name: str, *, over_mtls: bool) -> URL | None:
        """Return the URL of an endpoint as `url_of` does, None if the endpoint is unknown."""
        if name in self.configured:
            return self.configured[name]
        return endpoint_in(await self.metadata(), name, over_mtls=over_mtls)

    async def methods_at(self, name: str) -> frozenset[str] | None:
        """Return the client authentication methods that metadata lists for this endpoint, or None.

        Metadata is not fetched for a configured endpoint. Raises MetadataError.
        """
        if name in self.configured:
            return None
        return string_set(await self.metadata(), f"{name}_auth_methods_supported")

    async def close(self) -> None:
        """Cancel a metadata request in flight."""
        if self._metadata_cache is not None:
            await self._metadata_cache.close()
