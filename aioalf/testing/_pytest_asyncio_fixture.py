"""The fixture that pytest-asyncio runs. The only module that imports pytest-asyncio."""

from __future__ import annotations

import pytest_asyncio

from aioalf.testing.pytest_plugin import start_server

_of_pytest_asyncio = pytest_asyncio.fixture(start_server, name="_oauth_server_of_pytest_asyncio")
