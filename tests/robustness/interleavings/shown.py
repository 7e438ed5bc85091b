"""What people are shown of a scenario: the words of its errors, and what is logged meanwhile.

It knows nothing of tokens, and does not judge.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = tuple(map(logging.getLogger, ("aioalf", "aiohttp", "asyncio")))
_LONGEST = 100  # a chain may be a ring
_AS_LOGGED = logging.Formatter()


def words_of(error: BaseException) -> str:
    """Return all that is shown of an error: its repr, and what differs in its traceback.

    That is what it and those that led to it say, with their notes. `traceback` says it beside the
    lines of code, which are the same each time, and takes ten times as long.
    """
    words = [repr(error)]
    shown: BaseException | None = error
    while shown is not None and len(words) < _LONGEST:
        words += [str(shown), *getattr(shown, "__notes__", ())]
        is_told = shown.__cause__ is None and not shown.__suppress_context__
        shown = shown.__context__ if is_told else shown.__cause__
    return "\n".join(words)


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
    """Hear what is logged meanwhile, of every level; the handlers of all loggers do not.

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
