"""Fetches and caches an issuer's metadata (RFC 8414).

Knows HTTP requests and the clock. `metadata` decides which URLs and documents are valid.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Final

from yarl import URL

from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.metadata import Metadata, metadata_urls, read_issuer, read_metadata
from aioalf._single_flight import FlightCancelledError, SingleFlight
from aioalf._urls import NO_HTTP_HOSTS, PlainHTTPHosts, redact_url
from aioalf.errors import MetadataError, TokenError

logger: logging.Logger = logging.getLogger(__name__)

FRESH: Final = 3600.0
"""Seconds for which metadata is used without a new request."""

LAST_GOOD: Final = 24 * 3600.0
"""Seconds for which the last valid metadata is used while requests fail."""

_PAUSE: Final = 60.0
"""Seconds between two requests while requests fail and the last valid metadata is used."""


class MetadataCache:
    """The metadata of one issuer. Concurrent callers share one request.

    Args:
        issuer: The issuer, or None if the metadata at `metadata_url` is trusted to name it.
        http: Sends the requests.
        metadata_url: The URL of the metadata; by default, the well-known URLs of the issuer.
        http_hosts: The hosts that the program trusts over plain http.

    Raises:
        TokenConfigurationError: The issuer or the URL is invalid, or both are missing.
    """

    def __init__(
        self,
        issuer: str | None,
        http: AuthServerHTTP,
        metadata_url: str | URL | None = None,
        http_hosts: PlainHTTPHosts = NO_HTTP_HOSTS,
    ) -> None:
        self.issuer: str | None = None if issuer is None else read_issuer(issuer, http_hosts)
        self.urls: tuple[URL, ...] = metadata_urls(self.issuer, metadata_url, http_hosts)
        self._http = http
        self._http_hosts = http_hosts
        self._flight: SingleFlight[Metadata] = SingleFlight()
        self._metadata: Metadata | None = None
        self._fresh_until = self._usable_until = -math.inf

    async def metadata(self) -> Metadata:
        """Return metadata that is at most a day old. Raises MetadataError."""
        now = time.monotonic()
        if self._metadata is not None and now < self._fresh_until:
            return self._metadata
        try:
            return await self._flight.run(self._fetch)
        except FlightCancelledError:
            raise
        except TokenError as error:
            if self._metadata is None or now >= self._usable_until:
                raise
            self._fresh_until = now + _PAUSE
            logger.warning("The last good metadata is used: %s", error)
            return self._metadata

    def refetch_soon(self) -> None:
        """Fetch again within a minute, because the metadata lacks what a caller needs."""
        self._fresh_until = min(self._fresh_until, time.monotonic() + _PAUSE)

    async def close(self) -> None:
        """Cancel a request in flight."""
        await self._flight.close()

    async def _fetch(self) -> Metadata:
        began = time.monotonic()
        problems: list[str] = []
        for url in self.urls:
            try:
                metadata = await self._fetch_from(url)
            except TokenError as error:
                problems.append(f"{redact_url(url)}: {error}")
                logger.debug("No metadata of the issuer at %s", problems[-1])
            else:
                self._metadata = metadata
                self._fresh_until, self._usable_until = began + FRESH, began + LAST_GOOD
                return metadata
        raise MetadataError(f"The issuer's metadata is not available. {'; '.join(problems)}")

    async def _fetch_from(self, url: URL) -> Metadata:
        logger.debug("Fetching the issuer's metadata from %s", redact_url(url))
        response = await self._http.get("issuer", url)
        if response.status != 200:
            raise MetadataError(f"the status is {response.status}")
        return read_metadata(
            response.body, response.content_type, self.issuer, url, self._http_hosts
        )
