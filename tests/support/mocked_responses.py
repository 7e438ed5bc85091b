"""aioresponses as these tests need it: it answers in the place of aiohttp, whatever its release.

aioresponses 0.7.9 does not give a response the `stream_writer` that aiohttp 3.14 requires (its
issue 289). The response class here fills that gap; it goes when a release of aioresponses does.
"""

import inspect
from typing import Any
from unittest.mock import Mock

from aiohttp import ClientResponse
from aioresponses import CallbackResult, aioresponses

_WANTS_WRITER = "stream_writer" in inspect.signature(ClientResponse).parameters


class MockedResponse(ClientResponse):
    """A response that never had a connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _WANTS_WRITER:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


class MockedResponses(aioresponses):
    """aioresponses whose answers are `MockedResponse`, unless a test names another class.

    A callback returns what `answer` makes, for the same reason.
    """

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Answer one request, as `aioresponses.add`."""
        kwargs.setdefault("response_class", MockedResponse)
        super().add(*args, **kwargs)

    @staticmethod
    def answer(**kwargs: Any) -> CallbackResult:
        """The result of a callback."""
        return CallbackResult(response_class=MockedResponse, **kwargs)
