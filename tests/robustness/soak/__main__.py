"""``python -m tests.robustness.soak --seconds 600``: run a soak, print its report; 1 when it is not good."""

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
    """Mixed load with faults, revocations and expiry; 1 when the run was not good."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.robustness.soak", description=main.__doc__
    )
    seconds = f"how long (%(default)s); from {JUDGED_FROM} on, everything is judged"
    parser.add_argument("--seconds", type=float, default=600, help=seconds)
    parser.add_argument("--seed", type=int, default=0, help="of the events' times (%(default)s)")
    parser.add_argument("--record", type=Path, default=RECORD, help="JSON goes here (%(default)s)")
    chosen = parser.parse_args(arguments)
    logging.getLogger("aioalf").addHandler(logging.NullHandler())
    result = asyncio.run(soak(chosen.seconds, chosen.seed))
    print(*report.lines(result), sep="\n")
    chosen.record.parent.mkdir(parents=True, exist_ok=True)
    chosen.record.write_text(json.dumps(report.values(result), indent=1) + "\n", encoding="utf-8")
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
