"""What aio-alf costs beside bare aiohttp, and beside others: ``python tools/benchmarks/bench.py``.

A command: it runs the measures one after the other, prints tables and writes JSON; with
``--publish`` it makes the figures and pictures of the documents from them. docs/benchmarks.rst
says how each measure is taken and how to read it.
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

import callers
import clients
import peers
import publish
import report
from cached_token import get_token
from effort import FULL, QUICK, Effort
from expiry import latency
from figures import Results
from import_time import imports
from reference import IncompleteError
from request_cost import in_memory, over_loopback
from token_requests import token_requests

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
    parser = argparse.ArgumentParser(description="What aio-alf costs beside bare aiohttp.")
    parser.add_argument("--quick", action="store_true", help="see that it runs; proves nothing")
    parser.add_argument(
        "--only", nargs="+", choices=MEASURES, default=list(MEASURES), help="these measures alone"
    )
    parser.add_argument(
        "--results", type=Path, default=report.RESULTS, help="where the JSON goes (%(default)s)"
    )
    parser.add_argument(
        "--publish", action="store_true", help="write the reference and the documents from it"
    )
    parser.add_argument(
        "--of", type=Path, metavar="JSON", help="measure nothing: publish this result"
    )
    return parser.parse_args(arguments)


async def _run(names: list[str], effort: Effort, diary: report.Diary) -> list[str]:
    """Run the measures; return those that failed."""
    results, failed, began = Results(), list[str](), time.monotonic()
    for name in names:
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                measured = await MEASURES[name](effort)
        except Exception:  # noqa: BLE001 - the other measures are worth having
            traceback.print_exc()
            failed.append(name)
        else:
            print(*report.table(measured.figures), sep="\n", flush=True)
            results.add(measured)
        diary.write(results, time.monotonic() - began)
        print(f"\n({name} done after {time.monotonic() - began:.0f} s)", flush=True)
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a measure fails, or cannot be published."""
    chosen = _arguments(arguments)
    if chosen.of is not None:
        return _publish(chosen.of)
    logging.getLogger("aioalf").addHandler(logging.NullHandler())
    effort = QUICK if chosen.quick else FULL
    diary = report.Diary(chosen.results, effort)
    around = report.circumstances()
    print(", ".join(f"{name} {value}" for name, value in around.items()))
    if float(around["load"]) > _BUSY:
        print("The machine is busy: the figures will be wider than they could be.")
    if missing := peers.missing():
        print("Not installed, and left out:", ", ".join(missing))
    failed = asyncio.run(_run(chosen.only, effort, diary))
    print(f"\n{diary.path}")
    if failed:
        print("Failed:", ", ".join(failed))
        return 1
    return _publish(diary.path) if chosen.publish else 0


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
