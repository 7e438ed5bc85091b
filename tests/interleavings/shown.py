"""What people are shown of a scenario: the words of its errors, and what is logged meanwhile.

It knows nothing of tokens, and does not judge.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = tuple(map(logging.getLogger, ("aioalf", "aiohttp", "asyncio")))
_AS_LOGGED = logging.Formatter()


def words_of(error: BaseException) -> str:
    """Return all that is shown of an error and of what led to it.

    Without the lines of code, which are the same each time, and most of what formatting costs.
    """
    return f"{error!r}\n{''.join(traceback.format_exception(error, limit=0))}"


def words_logged(record: logging.LogRecord) -> str:
    """Return a record as a log has it, with its error's traceback."""
    return _AS_LOGGED.format(record)


class _Ears(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)


@contextmanager
def overheard() -> Iterator[list[logging.LogRecord]]:
    """Hear what is logged meanwhile, of every level; no handler but this one does.

    Within another of these it costs little: a change of levels empties what all loggers remember.
    """
    ears = _Ears()
    deaf = [logger for logger in _LOGGERS if logger.level != logging.DEBUG or logger.propagate]
    before = [(logger, logger.level, logger.propagate) for logger in deaf]
    for logger in deaf:
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    for logger in _LOGGERS:
        logger.addHandler(ears)
    try:
        yield ears.heard
    finally:
        for logger in _LOGGERS:
            logger.removeHandler(ears)
        for logger, level, is_passed_on in before:
            logger.setLevel(level)
            logger.propagate = is_passed_on
