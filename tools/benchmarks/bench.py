"""Measures aio-alf against plain aiohttp and other clients: ``python -m tools.benchmarks.bench``.

The command runs one measure after another, prints tables and writes JSON. ``--publish`` also
updates the documents. docs/explanation/performance.rst describes each measure and how to read it.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from tools.benchmarks import callers, clients, peers, publish, report
from tools.benchmarks.cached_token import get_token
from tools.benchmarks.effort import FULL, QUICK, Effort
from tools.benchmarks.expiry import latency
from tools.benchmarks.figures import Results
from tools.benchmarks.import_time import imports
from tools.benchmarks.reference import IncompleteError
from tools.benchmarks.request_cost import in_memory, over_loopback
from tools.benchmarks.token_requests import token_requests

MEASURES: Final[dict[str, Callable[[Effort], Awaitable[Results]]]] = {
    "memory-transport": in_memory,
    "loopback": over_loopback,
    "get-token": get_token,
    "token-requests": token_requests,
    "expiry": latency,
    "callers": callers.growth,
    "clients": clients.growth,
    "import": imports,
}
_BUSY = 0.5
_MOST_SECONDS = 600


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure aio-alf against plain aiohttp.")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke test; the figures mean nothing"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=MEASURES,
        default=list(MEASURES),
        help="run only these measures",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=report.RESULTS,
        help="directory for the JSON file (%(default)s)",
    )
    parser.add_argument(
        "--publish", action="store_true", help="update reference.json and the documents"
    )
    parser.add_argument(
        "--of", type=Path, metavar="JSON", help="publish this result without measuring"
    )
    return parser.parse_args(arguments)


async def _run(names: list[str], effort: Effort, record: report.Record) -> list[str]:
    """Run the measures and return the names of the failed ones."""
    results, failed, began = Results(), list[str](), time.monotonic()
    for name in names:
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                measured = await MEASURES[name](effort)
        except Exception:  # noqa: BLE001 - the other measures still run
            traceback.print_exc()
            failed.append(name)
        else:
            print(*report.table(measured.figures), sep="\n", flush=True)
            results.add(measured)
        record.write(results, time.monotonic() - began)
        print(f"\n({name} done after {time.monotonic() - began:.0f} s)", flush=True)
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the selected measures; exit with 1 if one fails or the result cannot be published."""
    options = _arguments(arguments)
    if options.of is not None:
        return _publish(options.of)
    logging.getLogger("aioalf").addHandler(logging.NullHandler())
    effort = QUICK if options.quick else FULL
    record = report.Record(options.results, effort)
    around = report.circumstances()
    print(", ".join(f"{name} {value}" for name, value in around.items()))
    if float(around["load"]) > _BUSY:
        print("The machine is busy: expect wide intervals.")
    if missing := peers.missing():
        print("Not installed, therefore skipped:", ", ".join(missing))
    failed = asyncio.run(_run(options.only, effort, record))
    print(f"\n{record.path}")
    if failed:
        print("Failed:", ", ".join(failed))
        return 1
    return _publish(record.path) if options.publish else 0


def _publish(path: Path) -> int:
    content = json.loads(path.read_text(encoding="utf-8"))
    try:
        written = publish.publish(content)
    except IncompleteError as error:
        print(error)
        return 1
    print(*written, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
