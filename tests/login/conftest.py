"""Fixtures of the tests of a login."""

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from aioalf.caches import FileCache, MemoryCache, TokenCache
from tests.login.scripted import ScriptedServer
from tests.login.timed import Play
from tests.support.virtual_time import VirtualTimeLoop, follow_the_loop


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


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Run a coroutine in virtual time."""
    follow_the_loop(monkeypatch)

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        loop = VirtualTimeLoop(7)
        try:
            loop.run_until_complete(scenario)
        finally:
            loop.close()

    return run
