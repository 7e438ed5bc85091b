"""The program of the guide for web applications, in FastAPI and uvicorn."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from aiohttp import ClientSession

from aioalf.testing import Fault, OAuthServer
from tests.project.docs.guide_programs import module_of


@pytest.fixture
def program(oauth_server: OAuthServer) -> dict[str, Any]:
    """The names that the program defines."""
    return module_of("things_fastapi.py", oauth_server)


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Run an application, and return the URL of its only page."""
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/things"
        finally:
            server.should_exit = True
            await running


async def test_application_has_one_client(
    program: dict[str, Any], oauth_server: OAuthServer, session: ClientSession
) -> None:
    """All visitors share a token, also at the same time; an API that fails is a 502."""

    async def visit(url: str) -> tuple[int, Any]:
        async with session.get(url) as response:
            return response.status, await response.json()

    async with served(program["app"]) as url:
        for status, answer in await asyncio.gather(*(visit(url) for _ in range(5))):
            assert (status, answer["path"], answer["token_number"]) == (200, "/things", 1)
        oauth_server.api_fault = Fault.status(503)
        assert await visit(url) == (502, {"detail": "The API does not answer."})
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 6)


async def test_client_is_open_while_the_application_runs(
    program: dict[str, Any], session: ClientSession
) -> None:
    """The client is closed when uvicorn stops, and opened again at the next start."""
    for _ in range(2):
        async with served(program["app"]) as url, session.get(url) as response:
            assert response.status == 200
            assert not program["client"].closed
        assert program["client"].closed
