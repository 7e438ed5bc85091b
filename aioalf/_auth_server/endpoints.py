"""Where an authorization server's endpoints are: as they were given, else as its metadata says.

It knows names and URLs, and nothing of what is asked there.
"""

from __future__ import annotations

from collections.abc import Mapping

from yarl import URL

from aioalf._auth_server.discovery import MetadataCache
from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.metadata import Metadata, endpoint_in, string_set
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

    Raises TokenConfigurationError for an issuer or a URL that cannot work, and warns of plain http.
    """

    def __init__(
        self,
        issuer: str | None,
        endpoints: Mapping[str, str | URL],
        exchange: AuthServerHTTP,
    ) -> None:
        self._discovery = None if issuer is None else MetadataCache(issuer, exchange)
        self._given = {name: read_endpoint(name, url) for name, url in endpoints.items()}
        for name, url in self._given.items():
            if is_insecure(url):
                if name in SECURE_ONLY:
                    raise TokenConfigurationError(
                        f"{name} must be an https URL (RFC 7009 §5, RFC 7662 §4)"
                    )
                warn_insecure(f"The {name.replace('_', ' ')}", url)

    @property
    def issuer(self) -> str | None:
        """The issuer identifier, None without one."""
        return None if self._discovery is None else self._discovery.issuer

    async def metadata(self) -> Metadata:
        """Return the issuer's metadata, empty without an issuer. Raises MetadataError."""
        return {} if self._discovery is None else await self._discovery.metadata()

    async def url_of(self, name: str, *, over_mtls: bool) -> URL:
        """Return an endpoint; with mutual TLS the issuer's alias for it goes first.

        Raises TokenConfigurationError where there is none, and MetadataError.
        """
        try:
            url = await self.find(name, over_mtls=over_mtls)
            if url is None:
                raise missing_endpoint_error(name, self.issuer)
        except TokenError:
            if self._discovery is not None:
                self._discovery.doubt()
            raise
        return url

    async def find(self, name: str, *, over_mtls: bool) -> URL | None:
        """Return an endpoint as `url_of` does, None where there is none."""
        if name in self._given:
            return self._given[name]
        return endpoint_in(await self.metadata(), name, over_mtls=over_mtls)

    async def methods_at(self, name: str) -> frozenset[str] | None:
        """Return how clients may authenticate at an endpoint that has a list of its own, else None.

        Of an endpoint that was given, metadata is not asked. Raises MetadataError.
        """
        if name in self._given:
            return None
        return string_set(await self.metadata(), f"{name}_auth_methods_supported")

    async def close(self) -> None:
        """End a request for metadata that is under way."""
        if self._discovery is not None:
            await self._discovery.close()
