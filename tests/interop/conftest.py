"""What the interop tests share: a provider, a resource server, a browser, a plain session.

Where a foreign part is missing, the run fails at its start and says what to install.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import ClientSession, ClientTimeout

from aioalf.testing.pytest_plugin import oauth_server
from tests.interop import parts
from tests.interop.chromium import Chromium
from tests.interop.provider import Provider, Registered
from tests.interop.resource_server import AT_THE_PROVIDER, ResourceServer
from tests.interop.visitor import Visitor

__all__ = ["oauth_server"]

PLAIN = Registered("plain", "secret", scope="things:read things:write")
SPECIAL = Registered(
    "glBQ3nYU/8/kaVi/bIgXGA==",
    # The standard has secrets of printable ASCII (RFC 6749, App. A.2): here is all that is special.
    " \"%&+:/?#[]@!$'()*,;=<>\\^`{|}~-._ ",
    scope="things:read",
)
SHORT_LIVED = Registered("short-lived", "secret", lifetime=2)


@pytest.fixture(scope="session", autouse=True)
def foreign_parts() -> None:
    """End the run where something is missing: a skipped test would say that all is well."""
    try:
        parts.node()
        parts.canaille()
        parts.chromium()
    except parts.MissingPartError as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A started oidc-provider that has granted nothing yet."""
    clients = [PLAIN, SPECIAL, SHORT_LIVED, AT_THE_PROVIDER]
    with tempfile.TemporaryFile("w+") as printed, Provider(clients, printed) as provider:
        yield provider


@pytest.fixture
async def things(provider: Provider) -> AsyncIterator[ResourceServer]:
    """A resource server that asks this provider."""
    async with ResourceServer(provider) as server:
        yield server


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
