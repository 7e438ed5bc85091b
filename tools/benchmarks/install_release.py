"""Installs aio-alf 0.4.0 in a directory of its own, where it is not there yet.

Its import name is that of the code that is measured: it cannot be a requirement like others.
"""

import subprocess
import sys

from peers import RELEASE, RELEASE_DIRECTORY

if __name__ == "__main__" and not RELEASE_DIRECTORY.is_dir():
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--target", str(RELEASE_DIRECTORY), f"aio-alf=={RELEASE}"),
        ],
        check=True,
    )
