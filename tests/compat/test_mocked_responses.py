"""That aioresponses answers on every supported aiohttp."""

from typing import Any

import aiohttp

from tests.support.mocked_responses import MockedResponses


async def test_a_mocked_response_is_read(aioresponses: MockedResponses) -> None:
    """The gap between aioresponses and aiohttp is filled."""
    aioresponses.get("http://api.example.com/", payload={"name": "alf"})
    async with aiohttp.ClientSession() as session, session.get("http://api.example.com/") as answer:
        assert await answer.json() == {"name": "alf"}


async def test_a_callback_answers(aioresponses: MockedResponses) -> None:
    """The gap is filled for answers that a callback makes, too."""
    aioresponses.get("http://api.example.com/", callback=_teapot)
    async with aiohttp.ClientSession() as session, session.get("http://api.example.com/") as answer:
        assert answer.status == 418


def _teapot(*_: Any, **__: Any) -> Any:
    return MockedResponses.answer(status=418)
