"""A browser as a program: ``browser.py FILE URL`` looks around in /proc, and follows the redirects.

It writes into FILE what it can read there: the command line of each process, and its own
environment.
"""

import sys
import urllib.request
from contextlib import suppress
from pathlib import Path


def visible() -> bytes:
    """Return all command lines, and the environment of this process and of its ancestors."""
    found = [Path("/proc/self/environ").read_bytes()]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            found.append((process / "cmdline").read_bytes())
    return b"\n".join(found)


if __name__ == "__main__":
    file, url = sys.argv[1:]
    Path(file).write_bytes(visible())
    with urllib.request.urlopen(url):  # noqa: S310 - the test server
        pass
