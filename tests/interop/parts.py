"""The foreign parts: node, npm and what it installs, Canaille, chromium. Where, or what to do.

`python -m tests.interop.parts` says what is missing, and installs the npm packages and Canaille
when only those are. It knows nothing of the tests.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST_NODE = 20
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
_INSTALLED = HERE / "node_modules" / ".package-lock.json"
_LOCK = HERE / "package-lock.json"
# In an environment of its own: what it needs must not be what we need.
_CANAILLE = HERE.parent.parent / ".tox" / "canaille"
_CANAILLE_PYTHON = _CANAILLE / "bin" / "python"
_CANAILLE_INSTALLED = _CANAILLE / "requirements.txt"
_CANAILLE_REQUIREMENTS = HERE / "canaille-requirements.txt"


class MissingPartError(Exception):
    """What is missing on this machine, and how to get it; one line each."""


def node() -> str:
    """The path of node. Raises MissingPartError when it or what it needs is not there."""
    _require([*_missing_node(), *_missing_packages()])
    return str(shutil.which("node"))


def canaille() -> str:
    """The path of the Python that has Canaille. Raises MissingPartError when there is none."""
    _require([*_missing_canaille()])
    return str(_CANAILLE_PYTHON)


def chromium() -> str:
    """The path of Chromium. Raises MissingPartError when there is none."""
    _require([*_missing_chromium()])
    return next(path for name in _CHROMIUMS if (path := shutil.which(name)))


def install() -> None:
    """Install the npm packages and Canaille unless they are there. Raises MissingPartError."""
    _require([*_missing_node(), *_missing_npm(), *_missing_chromium()])
    if [*_missing_packages()]:
        subprocess.run(["npm", "ci"], cwd=HERE, check=True)
    if [*_missing_canaille()]:
        _install_canaille()


def _install_canaille() -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", _CANAILLE], check=True)
    pip = [str(_CANAILLE_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(_CANAILLE_REQUIREMENTS)], check=True)
    shutil.copy(_CANAILLE_REQUIREMENTS, _CANAILLE_INSTALLED)  # last: now it is whole


def _require(missing: list[str]) -> None:
    if missing:
        raise MissingPartError("\n".join(["The interop tests cannot run.", *missing]))


def _missing_node() -> Iterator[str]:
    if (version := _node_version()) is None:
        yield f"node is missing: install Node {OLDEST_NODE} or newer (Debian: apt install nodejs)."
    elif int(version.partition(".")[0]) < OLDEST_NODE:
        yield f"node is {version}: install Node {OLDEST_NODE} or newer."


def _node_version() -> str | None:
    if shutil.which("node") is None:
        return None
    asked = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
    return asked.stdout.strip().removeprefix("v")


def _missing_npm() -> Iterator[str]:
    if shutil.which("npm") is None:
        yield "npm is missing: install it (Debian: apt install npm)."


def _missing_packages() -> Iterator[str]:
    if not _INSTALLED.exists() or _INSTALLED.stat().st_mtime < _LOCK.stat().st_mtime:
        yield "The npm packages are missing or old: run `npm ci` in tests/interop."


def _missing_canaille() -> Iterator[str]:
    is_there = _CANAILLE_PYTHON.exists() and _CANAILLE_INSTALLED.exists()
    if not is_there or _CANAILLE_INSTALLED.read_text() != _CANAILLE_REQUIREMENTS.read_text():
        yield "Canaille is missing or old: run `python -m tests.interop.parts`."


def _missing_chromium() -> Iterator[str]:
    if not any(shutil.which(name) for name in _CHROMIUMS):
        yield "chromium is missing: install it (Debian: apt install chromium)."


if __name__ == "__main__":
    try:
        install()
    except (MissingPartError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
