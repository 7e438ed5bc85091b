"""A plain aiohttp session, and the fixture of the test server."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, ClientTimeout

from aioalf.testing.pytest_plugin import oauth_server

__all__ = ["oauth_server", "session"]


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A plain aiohttp session with a timeout."""
    async with ClientSession(timeout=ClientTimeout(total=10)) as session:
        yield session
