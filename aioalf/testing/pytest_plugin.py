"""The pytest plugin, with the fixture ``oauth_server``.

pytest loads this module in each run if aio-alf is installed, so it must not import aiohttp or a
plugin for asynchronous tests. The server is imported by the first test that uses it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from aioalf.testing.server import OAuthServer

__all__ = ("oauth_server",)

_PYTEST_ASYNCIO: Final = ("asyncio", "pytest_asyncio.plugin")
"""The names of pytest-asyncio as a plugin: found by pytest, and loaded with ``-p``."""
_NO_PLUGIN: Final = (
    "The fixture oauth_server runs in the event loop of the test, and no plugin runs this test in "
    "an event loop. Install pytest-asyncio with: pip install 'aio-alf[testing]'. If you use the "
    "plugin of anyio, mark the test with @pytest.mark.anyio."
)
_NOT_ASYNCIO: Final = (
    "The fixture oauth_server needs asyncio, but this test runs on {}. Define a fixture "
    "anyio_backend that returns 'asyncio'."
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixture that pytest-asyncio runs, if that plugin is active."""
    if _has_pytest_asyncio(config):
        config.pluginmanager.import_plugin("aioalf.testing._pytest_asyncio_fixture")


@pytest.fixture
def oauth_server(request: pytest.FixtureRequest) -> OAuthServer:
    """Start an `OAuthServer` for one test, in its event loop, and close it afterwards."""
    name = "_oauth_server_of_pytest_asyncio"
    if "anyio_backend" in request.fixturenames:
        name = "_oauth_server_of_anyio"
        backend = request.getfixturevalue("anyio_backend_name")
        if backend != "asyncio":
            pytest.fail(_NOT_ASYNCIO.format(backend), pytrace=False)
    elif not _has_pytest_asyncio(request.config):
        pytest.fail(_NO_PLUGIN, pytrace=False)
    server: OAuthServer = request.getfixturevalue(name)
    return server


def new_server() -> OAuthServer:
    """Return a server that is not started."""
    from aioalf.testing.server import OAuthServer

    return OAuthServer()


@pytest.fixture
async def _oauth_server_of_anyio() -> AsyncIterator[OAuthServer]:
    async with new_server() as server:
        yield server


def _has_pytest_asyncio(config: pytest.Config) -> bool:
    return any(config.pluginmanager.has_plugin(name) for name in _PYTEST_ASYNCIO)
