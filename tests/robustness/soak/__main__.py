"""``python -m tests.robustness.soak --seconds 600`` runs a soak test and prints its report."""

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

from tests.robustness.soak import report
from tests.robustness.soak.soak import JUDGED_FROM, soak

RECORD = Path(__file__).resolve().parents[3] / "artefacts" / "soak.json"


def main(arguments: list[str] | None = None) -> int:
    """Run a mixed load with faults and revocations; exit with 1 if the result is not good."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.robustness.soak", description=main.__doc__
    )
    seconds = f"duration (%(default)s); growth is judged from {JUDGED_FROM} seconds on"
    parser.add_argument("--seconds", type=float, default=600, help=seconds)
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the times of events (%(default)s)"
    )
    parser.add_argument(
        "--record", type=Path, default=RECORD, help="the JSON file to write (%(default)s)"
    )
    options = parser.parse_args(arguments)
    logging.getLogger("aioalf").addHandler(logging.NullHandler())
    result = asyncio.run(soak(options.seconds, options.seed))
    print(*report.lines(result), sep="\n")
    options.record.parent.mkdir(parents=True, exist_ok=True)
    options.record.write_text(json.dumps(report.values(result), indent=1) + "\n", encoding="utf-8")
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
