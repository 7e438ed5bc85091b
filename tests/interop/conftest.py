"""What the interop tests share: a provider, a resource server, a browser, a plain session.

Where a foreign part is missing, the run fails at its start and says what to install.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import cast

import pytest
from aiohttp import ClientSession, ClientTimeout

from aioalf import Client
from aioalf.testing.pytest_plugin import oauth_server
from tests.interop import parts
from tests.interop.chromium import Chromium
from tests.interop.provider import Provider, Setup
from tests.interop.resource_server import ResourceServer
from tests.interop.visitor import Visitor

Said = Mapping[str, object]
"""What the resource server says of the token that it was sent."""

Ask = Callable[[Client], asyncio.Task[Said]]

__all__ = ["oauth_server"]


@pytest.fixture(scope="session", autouse=True)
def foreign_parts() -> None:
    """End the run where something is missing: a skipped test would say that all is well."""
    try:
        parts.node()
        parts.canaille()
        parts.chromium()
    except parts.MissingPartError as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.fixture(scope="module")
def running(setup: Setup) -> Iterator[Provider]:
    """An oidc-provider for all tests of a module, which says how it is to be: `setup`."""
    with tempfile.TemporaryFile("w+") as printed, Provider(setup, printed) as provider:
        yield provider


@pytest.fixture
async def provider(running: Provider, session: ClientSession) -> Provider:
    """The module's oidc-provider, that has counted nothing yet."""
    await running.forget(session)
    return running


@pytest.fixture
async def things(provider: Provider) -> AsyncIterator[ResourceServer]:
    """A resource server that asks this provider."""
    async with ResourceServer(provider) as server:
        yield server


@pytest.fixture
async def ask(things: ResourceServer) -> AsyncIterator[Ask]:
    """Begins a request to the resource server; a test that ends early takes it back."""
    begun: list[asyncio.Task[Said]] = []

    async def said(client: Client) -> Said:
        async with client.get(things.url) as response:
            assert response.status == 200, await response.text()
            return cast("Said", await response.json())

    def ask(client: Client) -> asyncio.Task[Said]:
        begun.append(asyncio.create_task(said(client)))
        return begun[-1]

    yield ask
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A plain session with a time limit."""
    async with ClientSession(timeout=ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser."""
    with Chromium() as chromium:
        yield chromium


@pytest.fixture
async def visitor(chromium: Chromium) -> AsyncIterator[Visitor]:
    """A person at a new window of the browser."""
    async with chromium.page() as page:
        yield Visitor(chromium, page)
