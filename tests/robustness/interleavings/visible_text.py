"""The texts that users can see, errors and log records, to be searched for secrets."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = tuple(map(logging.getLogger, ("aioalf", "aiohttp", "asyncio")))
_LONGEST = 100  # a chain of causes may be circular
_AS_LOGGED = logging.Formatter()


def text_of_error(error: BaseException) -> str:
    """Return the repr of an error and all messages of its traceback, with causes and notes.

    Formatting the traceback would also give source lines, and takes ten times as long.
    """
    words = [repr(error)]
    shown: BaseException | None = error
    while shown is not None and len(words) < _LONGEST:
        words += [str(shown), *getattr(shown, "__notes__", ())]
        is_told = shown.__cause__ is None and not shown.__suppress_context__
        shown = shown.__context__ if is_told else shown.__cause__
    return "\n".join(words)


def text_of_record(record: logging.LogRecord) -> str:
    """Format a log record with its traceback."""
    return _AS_LOGGED.format(record)


class _Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def captured_logs() -> Iterator[list[logging.LogRecord]]:
    """Collect log records of all levels, and hide them from other handlers.

    Changing levels is slow, because it clears the caches of all loggers; a nested call does not.
    """
    recorder = _Recorder()
    changed = [logger for logger in _LOGGERS if logger.level != logging.DEBUG or logger.propagate]
    before = [(logger, logger.level, logger.propagate) for logger in changed]
    for logger in changed:
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    for logger in _LOGGERS:
        logger.addHandler(recorder)
    try:
        yield recorder.records
    finally:
        for logger in _LOGGERS:
            logger.removeHandler(recorder)
        for logger, level, is_passed_on in before:
            logger.setLevel(level)
            logger.propagate = is_passed_on
