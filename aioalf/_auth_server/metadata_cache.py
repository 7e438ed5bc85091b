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
from aioalf._auth_server.metadata import Metadata, read_issuer, read_metadata, well_known
from aioalf._single_flight import FlightCancelledError, SingleFlight
from aioalf._urls import redact_url
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

    Raises TokenConfigurationError if the issuer is not a valid identifier.
    """

    def __init__(self, issuer: str, http: AuthServerHTTP) -> None:
        self.issuer: str = read_issuer(issuer)
        self._http = http
        self._flight = SingleFlight["Metadata"]()
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
        for url in well_known(self.issuer):
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
        return read_metadata(response.body, response.content_type, self.issuer)
