"""Fixtures of the tests of a login."""

from pathlib import Path

import pytest

from aioalf.caches import FileCache, MemoryCache, TokenCache
from tests.login.scripted import ScriptedServer


@pytest.fixture
async def server() -> ScriptedServer:
    """A token endpoint that responds at once."""
    return ScriptedServer()


@pytest.fixture(params=["no cache", "memory", "file"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> TokenCache | None:
    """Each kind of cache, and no cache."""
    caches: dict[str, TokenCache | None] = {
        "no cache": None,
        "memory": MemoryCache(),
        "file": FileCache(tmp_path / "cache"),
    }
    return caches[request.param]
