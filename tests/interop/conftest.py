"""Fixtures: the provider, a resource server, Chromium and a plain session.

If a dependency is missing, the run fails at the start and says what to install.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import cast

import pytest
from aiohttp import ClientSession, ClientTimeout

from aioalf import Client
from aioalf.testing.pytest_plugin import oauth_server
from tests.interop import dependencies
from tests.interop.chromium import Chromium
from tests.interop.provider import Provider, Setup
from tests.interop.resource_server import ResourceServer
from tests.interop.visitor import Visitor

TokenInfo = Mapping[str, object]
"""The facts that the resource server knows about the token of the request."""

CallApi = Callable[[Client], asyncio.Task[TokenInfo]]

__all__ = ["oauth_server"]


@pytest.fixture(scope="session", autouse=True)
def check_dependencies() -> None:
    """End the run if a dependency is missing; skipped tests could look like success."""
    try:
        dependencies.node()
        dependencies.canaille()
        dependencies.chromium()
        dependencies.shells()
    except dependencies.MissingDependencyError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="module")
def running(setup: Setup) -> Iterator[Provider]:
    """Run an oidc-provider for the tests of a module, configured by its `setup` fixture."""
    with tempfile.TemporaryFile("w+") as output, Provider(setup, output) as provider:
        yield provider


@pytest.fixture
async def provider(running: Provider, session: ClientSession) -> Provider:
    """The oidc-provider of the module, with its counts reset."""
    await running.reset_counts(session)
    return running


@pytest.fixture
async def api(provider: Provider) -> AsyncIterator[ResourceServer]:
    """A resource server that introspects tokens at this provider."""
    async with ResourceServer(provider) as server:
        yield server


@pytest.fixture
async def call_api(api: ResourceServer) -> AsyncIterator[CallApi]:
    """Start a request to the resource server; requests that a test leaves are cancelled."""
    tasks: list[asyncio.Task[TokenInfo]] = []

    async def send(client: Client) -> TokenInfo:
        async with client.get(api.url) as response:
            assert response.status == 200, await response.text()
            return cast("TokenInfo", await response.json())

    def call_api(client: Client) -> asyncio.Task[TokenInfo]:
        tasks.append(asyncio.create_task(send(client)))
        return tasks[-1]

    yield call_api
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A plain session with a timeout."""
    async with ClientSession(timeout=ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser."""
    with Chromium() as chromium:
        yield chromium


@pytest.fixture
async def visitor(chromium: Chromium) -> AsyncIterator[Visitor]:
    """A user at a new browser window."""
    async with chromium.page() as page:
        yield Visitor(chromium, page)
