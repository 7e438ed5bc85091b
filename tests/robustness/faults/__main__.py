"""``python -m tests.robustness.faults``: measure all faults, update docs/explanation/faults.rst."""

import argparse
import asyncio
import logging
import sys

from tests.robustness.faults import report
from tests.robustness.faults.cases import CASES, Case
from tests.robustness.faults.environment import Timing
from tests.robustness.faults.measurement import Measurement, TokenAge, measure


async def _measure_all(cases: list[Case], timing: Timing) -> list[Measurement]:
    measurements: list[Measurement] = []
    for case in cases:
        for age in TokenAge:
            measurements.append(await measure(case, age, timing))
            print(" | ".join((age.value, *report.row(measurements[-1]))), flush=True)
    return measurements


def main(arguments: list[str] | None = None) -> int:
    """Measure the faults, print the figures, and write them to docs/explanation/faults.rst.

    Return 1 and write nothing if a promise was broken.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.robustness.faults",
        description=f"Measure the effect of faults on callers, and update {report.PAGE}.",
    )
    names = [case.name for case in CASES]
    parser.add_argument(
        "--only", nargs="+", choices=names, help="measure only these faults, and write nothing"
    )
    only: list[str] | None = parser.parse_args(arguments).only
    logging.getLogger("aioalf").addHandler(logging.NullHandler())
    timing = Timing()
    chosen = [case for case in CASES if only is None or case.name in only]
    measurements = asyncio.run(_measure_all(chosen, timing))
    problems = [
        f"{measurement.case}, {measurement.age.value}: {problem}"
        for measurement in measurements
        for problem in measurement.problems()
    ]
    print(*problems, sep="\n")
    if only is None and not problems:
        report.write(report.section(measurements, timing))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
