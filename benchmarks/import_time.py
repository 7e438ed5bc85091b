"""What `import aioalf` costs beside `import aiohttp`: CPU time, in fresh processes, in turn."""

import os
import subprocess
import sys

from figures import Figure, ratios

_PROGRAM = """\
import time
began = time.process_time_ns()
{statement}
print(time.process_time_ns() - began)
"""
_STATEMENTS = ("import aiohttp", "import aioalf")
_MOST_PAIRS = 100


async def imports(rounds: int) -> list[Figure]:
    """Measure both in turn; the first pair, which may have to compile, does not count."""
    seconds: dict[str, list[float]] = {statement: [] for statement in _STATEMENTS}
    for turn in range(min(rounds, _MOST_PAIRS) + 1):
        for statement in _STATEMENTS if turn % 2 else reversed(_STATEMENTS):
            taken = _run(statement)
            if turn:
                seconds[statement].append(taken)
    return ratios("import", seconds, "import aiohttp", unit="ms", scale=1e3)


def _run(statement: str) -> float:
    program = _PROGRAM.format(statement=statement)
    # Without the first pair's bytecode each child would compile, and that would be measured.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    child = subprocess.run(  # noqa: S603 - a program of our own
        [sys.executable, "-P", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    return int(child.stdout) / 1e9
