"""What aio-alf costs beside bare aiohttp: ``python benchmarks/overhead.py``.

A command: it runs the measures one after the other, prints a table and writes JSON. README.rst in
this directory says how each measure is taken and how to read it.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import report
from cached_token import get_token
from client_memory import beside_a_session
from figures import Figure
from herd import token_requests
from import_time import imports
from request_cost import in_memory, over_loopback

MEASURES: Final[dict[str, Callable[[int], Awaitable[list[Figure]]]]] = {
    "memory-transport": in_memory,
    "loopback": over_loopback,
    "get-token": get_token,
    "token-requests": token_requests,
    "import": imports,
    "client-memory": beside_a_session,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What aio-alf costs beside bare aiohttp.")
    parser.add_argument("--rounds", type=int, default=1000, help="rounds a measure (%(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=MEASURES, default=list(MEASURES), help="these measures alone"
    )
    parser.add_argument(
        "--results", type=Path, default=report.RESULTS, help="where the JSON goes (%(default)s)"
    )
    return parser.parse_args()


async def _run(names: list[str], rounds: int) -> list[Figure]:
    figures: list[Figure] = []
    for name in names:
        measured = await MEASURES[name](rounds)
        print(*report.table(measured), sep="\n", flush=True)
        figures += measured
    return figures


def main() -> None:
    """Run what was asked for."""
    arguments = _arguments()
    print(", ".join(f"{name} {value}" for name, value in report.circumstances().items()))
    figures = asyncio.run(_run(arguments.only, arguments.rounds))
    print(f"\n{report.write(figures, arguments.results)}")


if __name__ == "__main__":
    main()
