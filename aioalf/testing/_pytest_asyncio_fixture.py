"""The fixture that pytest-asyncio runs. The only module that imports pytest-asyncio.

pytest-asyncio marks the function of a fixture as its own, so anyio needs another function.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest_asyncio

from aioalf.testing.pytest_plugin import new_server

if TYPE_CHECKING:
    from aioalf.testing.server import OAuthServer


@pytest_asyncio.fixture
async def _oauth_server_of_pytest_asyncio() -> AsyncIterator[OAuthServer]:
    async with new_server() as server:
        yield server
