"""Installs aio-alf 0.4.0 in a separate directory, unless it is installed already.

It has the same import name as the measured code, so it cannot be in requirements.txt.
"""

import subprocess
import sys

from tools.benchmarks.peers import RELEASE, RELEASE_DIRECTORY

if __name__ == "__main__" and not RELEASE_DIRECTORY.is_dir():
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--target", str(RELEASE_DIRECTORY), f"aio-alf=={RELEASE}"),
        ],
        check=True,
    )
