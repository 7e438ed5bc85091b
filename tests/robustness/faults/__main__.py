"""``python -m tests.robustness.faults``: measure each fault, and write the figures into docs/faults.rst."""

import argparse
import asyncio
import logging
import sys

from tests.robustness.faults import table
from tests.robustness.faults.catalogue import CASES, Case
from tests.robustness.faults.observation import Observation, Token, observe
from tests.robustness.faults.scene import Pace


async def _observe_all(cases: list[Case], pace: Pace) -> list[Observation]:
    seen: list[Observation] = []
    for case in cases:
        for token in Token:
            seen.append(await observe(case, token, pace))
            print(" | ".join((token.value, *table.row(seen[-1]))), flush=True)
    return seen


def main(arguments: list[str] | None = None) -> int:
    """Print each fault's figures; with all of them, write the document.

    1 when something is not as promised; then nothing is written.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.robustness.faults", description=main.__doc__
    )
    names = [case.name for case in CASES]
    parser.add_argument("--only", nargs="+", choices=names, help="these faults; writes nothing")
    only: list[str] | None = parser.parse_args(arguments).only
    logging.getLogger("aioalf").addHandler(logging.NullHandler())
    pace = Pace()
    chosen = [case for case in CASES if only is None or case.name in only]
    seen = asyncio.run(_observe_all(chosen, pace))
    problems = [f"{one.case}, {one.token.value}: {text}" for one in seen for text in one.problems()]
    print(*problems, sep="\n")
    if only is None and not problems:
        table.write(table.section(seen, pace))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
