"""The fixture ``oauth_server``, for those who test with pytest and pytest-asyncio.

Switched on by ``pytest_plugins = ["aioalf.testing.pytest_plugin"]`` in a conftest. The only file
that may import pytest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from aioalf.testing.server import OAuthServer


@pytest_asyncio.fixture
async def oauth_server() -> AsyncIterator[OAuthServer]:
    """A started `OAuthServer` of its own for each test, closed after it."""
    async with OAuthServer() as server:
        yield server
