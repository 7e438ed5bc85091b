"""An issuer's metadata, fetched on first use and kept for a while (RFC 8414).

It knows exchanges and clocks; what a document may say is `metadata`'s.
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
"""Seconds for which metadata is used without asking again."""

LAST_GOOD: Final = 24 * 3600.0
"""Seconds for which the last good copy is used while the issuer fails."""

_PAUSE: Final = 60.0
"""Seconds after a failure in which the last good copy is used without asking again."""


class MetadataCache:
    """Gets one issuer's metadata: once, however many ask. Raises TokenConfigurationError."""

    def __init__(self, issuer: str, exchange: AuthServerHTTP) -> None:
        self.issuer: str = read_issuer(issuer)
        self._exchange = exchange
        self._flight = SingleFlight["Metadata"]()
        self._metadata: Metadata | None = None
        self._ask_at = self._useless_at = -math.inf

    async def metadata(self) -> Metadata:
        """Return the issuer's metadata, at most a day old. Raises MetadataError."""
        now = time.monotonic()
        if self._metadata is not None and now < self._ask_at:
            return self._metadata
        try:
            return await self._flight.run(self._fetch)
        except FlightCancelledError:
            raise
        except TokenError as error:
            if self._metadata is None or now >= self._useless_at:
                raise
            self._ask_at = now + _PAUSE
            logger.warning("The last good metadata is used: %s", error)
            return self._metadata

    def doubt(self) -> None:
        """Ask again within a minute: what is wanted is not there, or is of no use."""
        self._ask_at = min(self._ask_at, time.monotonic() + _PAUSE)

    async def close(self) -> None:
        """End a request that is under way."""
        await self._flight.close()

    async def _fetch(self) -> Metadata:
        began = time.monotonic()
        problems: list[str] = []
        for url in well_known(self.issuer):
            try:
                metadata = await self._fetch_from(url)
            except TokenError as error:
                problems.append(f"{redact_url(url)}: {error}")
            else:
                self._metadata = metadata
                self._ask_at, self._useless_at = began + FRESH, began + LAST_GOOD
                return metadata
        raise MetadataError(f"The issuer's metadata cannot be had. {'; '.join(problems)}")

    async def _fetch_from(self, url: URL) -> Metadata:
        answer = await self._exchange.get("the issuer", url)
        if answer.status != 200:
            raise MetadataError(f"the status is {answer.status}")
        return read_metadata(answer.body, answer.content_type, self.issuer)
