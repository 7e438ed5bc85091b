"""Error reports with local variables, as Sentry and rich make them."""

from pathlib import Path
from traceback import TracebackException

import tests

_TESTS = str(Path(tests.__file__).parent)


def report_of(error: BaseException) -> str:
    """Return the traceback of an error and its causes, with the local variables of each frame.

    The frames of the tests are left out: they know the secrets.
    """
    report = TracebackException.from_exception(error, capture_locals=True)
    chain: list[TracebackException | None] = [report]
    while chain:
        if (shown := chain.pop()) is not None:
            shown.stack[:] = [each for each in shown.stack if not each.filename.startswith(_TESTS)]
            chain += [shown.__cause__, shown.__context__]
    return "".join(report.format())
