"""Collects all texts that a program and its tools can show."""

import asyncio
import copy
import logging
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from traceback import StackSummary
from unittest import mock

from aiohttp import ClientResponse

from tests.robustness.secrets.canaries import Canaries
from tests.support.error_reports import report_of


def _no_frames(*_arguments: object, **_options: object) -> StackSummary:
    return StackSummary()


@contextmanager
def _without_origins() -> Iterator[None]:
    """Do not let asyncio collect where each callback was created: that is source code only."""
    with mock.patch.object(StackSummary, "extract", _no_frames):
        yield


class Exposure(logging.Handler):
    """Receives log records, warnings, errors and objects, and searches them for canaries."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter())
        self.texts: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record with its arguments and its traceback."""
        self.texts.append((f"log of {record.name}", f"{self.format(record)} {record.args!r}"))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Receive all records of all loggers, and all warnings."""
        loop = asyncio.get_running_loop()
        root = logging.getLogger()
        loggers = [root, *map(logging.getLogger, root.manager.loggerDict)]
        levels = [logger.level for logger in loggers]
        was_in_debug_mode, slow = loop.get_debug(), loop.slow_callback_duration
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        root.addHandler(self)
        loop.set_debug(True)
        loop.slow_callback_duration = 0  # asyncio logs each callback with its arguments
        try:
            with warnings.catch_warnings(record=True) as caught, _without_origins():
                warnings.simplefilter("always")
                yield
        finally:
            loop.slow_callback_duration = slow
            loop.set_debug(was_in_debug_mode)
            root.removeHandler(self)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
        self.texts += [("warning", str(each.message)) for each in caught]

    def add_object(self, name: str, shown: object) -> None:
        """Add the repr and str of an object, and its pickles if it can be pickled."""
        self.texts.append((f"repr of {name}", f"{shown!r} {shown}"))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with suppress(Exception):  # refused in any way
                self.texts.append(
                    (f"pickle of {name}", pickle.dumps(shown, protocol).decode("latin-1"))
                )

    async def add_error(self, name: str, error: BaseException, *, with_report: bool = True) -> None:
        """Add an error with its report, its attributes, its causes, a copy and its response."""
        if with_report:
            self.add_report(name, error)
        chain: list[BaseException | None] = [error, copy.copy(error)]
        while chain:
            each = chain.pop()
            if each is None:
                continue
            self.add_object(f"{type(each).__name__} of {name}", each)
            self.texts.append((f"attributes of {name}", repr(vars(each))))
            chain += [each.__cause__, each.__context__]
            response = getattr(each, "response", None)
            if isinstance(response, ClientResponse):
                await self.add_response(name, response)

    def add_report(self, name: str, error: BaseException) -> None:
        """Add the report of an error with the local variables of each frame."""
        self.texts += [(f"report of {name}", line) for line in report_of(error).splitlines()]

    async def add_response(self, name: str, response: ClientResponse) -> None:
        """Add the error response that a program gets instead of the API's response."""
        parts = [
            *(repr(response), repr(response.request_info), str(response.headers)),
            *(str(response.raw_headers), str(response.reason), str(response.cookies)),
            (await response.read()).decode("utf-8", "replace"),
        ]
        self.texts += [(f"response of {name}", part) for part in parts]

    def leaks_of(self, canaries: Canaries) -> list[str]:
        """Return where a canary was found, with the text around."""
        if not canaries.found_in("\n".join(text for _, text in self.texts)):
            return []
        return [
            f"{name} in the {place}: {text[:300]}"
            for place, text in self.texts
            for name in canaries.found_in(text)
        ]
