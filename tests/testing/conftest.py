"""A started server and a plain aiohttp session, which knows nothing of OAuth."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, ClientTimeout

from aioalf.testing.pytest_plugin import oauth_server

__all__ = ["oauth_server", "session"]


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A plain session with a time limit."""
    async with ClientSession(timeout=ClientTimeout(total=10)) as session:
        yield session
