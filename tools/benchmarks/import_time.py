"""Measures the CPU time of importing the library against `import aiohttp`, in fresh processes.

Each process imports the HTTP library and then the client library. The ratio is the time of both
imports to the time of the first one. A slow process slows both imports, so the ratio has little
noise. A second figure also creates a `Client`, which shows imports that are delayed until then.
"""

import importlib.util
import os
import re
import subprocess
import sys
from statistics import median

from tools.benchmarks.effort import Effort
from tools.benchmarks.figures import IMPORT, WITH_CLIENT, Figure, Results, Spread
from tools.benchmarks.peers import RELEASE, RELEASE_DIRECTORY

_PROGRAM = """\
import gc, time
gc.disable()
began = time.process_time_ns()
import {library}
between = time.process_time_ns()
{client}
print(between - began, time.process_time_ns() - between)
"""
_RELEASE = f"aio-alf {RELEASE}"
_IMPORTS = {
    "aioalf": ("aiohttp", "import aioalf; aioalf.Client"),
    WITH_CLIENT: (
        "aiohttp",
        "import aioalf; aioalf.Client('client', 'secret', 'https://as.example/token')",
    ),
    _RELEASE: ("aiohttp", "import aioalf.client"),
    "aiohttp-oauth2-client": (
        "aiohttp",
        "import aiohttp_oauth2_client.middleware, aiohttp_oauth2_client.grant.client_credentials",
    ),
    "authlib": ("httpx", "import authlib.integrations.httpx_client"),
    "httpx-auth": ("httpx", "import httpx_auth"),
}


async def imports(effort: Effort) -> Results:
    """Measure all in turn. The first turn may have to compile bytecode and is not counted."""
    names = [name for name in _IMPORTS if _is_installed(name)]
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for turn in range(effort.imports + 1):
        for name in names if turn % 2 else reversed(names):
            taken = _run(name)
            if turn:
                pairs[name].append(taken)
    return Results([_figure(name, taken) for name, taken in pairs.items()])


def _is_installed(name: str) -> bool:
    if name == _RELEASE:
        return RELEASE_DIRECTORY.is_dir()
    _import, package, *_more = re.split(r"[ .;]", _IMPORTS[name][1])
    return importlib.util.find_spec(package) is not None


def _run(name: str) -> tuple[float, float]:
    library, client = _IMPORTS[name]
    # Children must use the bytecode of the first turn; otherwise compiling would be measured.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    if name == _RELEASE:
        environment["PYTHONPATH"] = str(RELEASE_DIRECTORY)
    child = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM.format(library=library, client=client)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    first, second = child.stdout.split()
    return int(first) / 1e6, int(second) / 1e6


def _figure(name: str, taken: list[tuple[float, float]]) -> Figure:
    library = _IMPORTS[name][0]
    first, second = (median(values) for values in zip(*taken, strict=True))
    return Figure(
        IMPORT,
        name,
        Spread.of(1 + client / library for library, client in taken),
        note=f"{second:.1f} ms on top of {first:.0f} ms of {library}",
    )
