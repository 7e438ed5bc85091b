"""Fixtures for tests of bad input."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from aioalf.testing import OAuthServer
from tests.robustness.bad_input.other_process import OtherProcess, other_process
from tests.robustness.bad_input.scene import Scene


@pytest.fixture(scope="session")
def other() -> Iterator[OtherProcess]:
    """Another process with the same cache, for all tests."""
    with other_process() as process:
        yield process


@pytest.fixture
async def scene(
    oauth_server: OAuthServer, tmp_path: Path, other: OtherProcess
) -> AsyncIterator[Scene]:
    """A server and a client with a file cache, not signed in yet."""
    scene = Scene(oauth_server, tmp_path / "tokens", other)
    yield scene
    await scene.end()
