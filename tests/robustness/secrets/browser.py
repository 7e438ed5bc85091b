"""A browser as a program: ``browser.py FILE URL`` looks around, and follows the redirects.

It writes into FILE what other programs of this user can read: its own arguments and environment,
and, where there is /proc, the command line of each process.
"""

import os
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path


def visible() -> str:
    """Return the arguments and environment of this process, and all command lines."""
    found = [*sys.argv, *os.environ.values()]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            found.append((process / "cmdline").read_text(errors="replace"))
    return "\n".join(found)


if __name__ == "__main__":
    file, url = sys.argv[1:]
    Path(file).write_text(visible())
    with urllib.request.urlopen(url):  # noqa: S310 - the test server
        pass
