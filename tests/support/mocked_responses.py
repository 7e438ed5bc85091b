"""aioresponses, made to work with every supported release of aiohttp.

aioresponses 0.7.9 does not pass the `stream_writer` that aiohttp 3.14 requires (aioresponses issue
289). Delete this module when a release of aioresponses does.
"""

import inspect
from typing import Any
from unittest.mock import Mock

from aiohttp import ClientResponse
from aioresponses import CallbackResult, aioresponses

_WANTS_WRITER = "stream_writer" in inspect.signature(ClientResponse).parameters


class MockedResponse(ClientResponse):
    """A response without a connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _WANTS_WRITER:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


class MockedResponses(aioresponses):
    """aioresponses with `MockedResponse` as default class; callbacks must return `answer(...)`."""

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Add a response, like `aioresponses.add`."""
        kwargs.setdefault("response_class", MockedResponse)
        super().add(*args, **kwargs)

    @staticmethod
    def answer(**kwargs: Any) -> CallbackResult:
        """Return the result of a callback."""
        return CallbackResult(response_class=MockedResponse, **kwargs)
