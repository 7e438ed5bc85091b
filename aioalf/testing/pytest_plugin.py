"""The pytest fixture ``oauth_server``. The only module that imports pytest-asyncio.

Enable it with ``pytest_plugins = ["aioalf.testing.pytest_plugin"]`` in ``conftest.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from aioalf.testing.server import OAuthServer


@pytest_asyncio.fixture
async def oauth_server() -> AsyncIterator[OAuthServer]:
    """Start an `OAuthServer` for one test and close it afterwards."""
    async with OAuthServer() as server:
        yield server
