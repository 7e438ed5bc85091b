"""aioresponses works with every supported version of aiohttp."""

from typing import Any

import aiohttp

from tests.support.mocked_responses import MockedResponses


async def test_mocked_response_is_read(aioresponses: MockedResponses) -> None:
    """A mocked response has its body."""
    aioresponses.get("http://api.example.com/", payload={"name": "alf"})
    async with (
        aiohttp.ClientSession() as session,
        session.get("http://api.example.com/") as response,
    ):
        assert await response.json() == {"name": "alf"}


async def test_callback_creates_the_response(aioresponses: MockedResponses) -> None:
    """A callback can create the mocked response."""
    aioresponses.get("http://api.example.com/", callback=_teapot)
    async with (
        aiohttp.ClientSession() as session,
        session.get("http://api.example.com/") as response,
    ):
        assert response.status == 418


def _teapot(*_: Any, **__: Any) -> Any:
    return MockedResponses.answer(status=418)
