"""Find Node, npm packages, Canaille, Chromium and the shells, or say how to install them.

`python -m tests.interop.dependencies` installs the npm packages and Canaille.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST_NODE = 20
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
_SHELLS = ("bash", "fish", "zsh")
_INSTALLED = HERE / "node_modules" / ".package-lock.json"
_LOCK = HERE / "package-lock.json"
# A separate environment, so that its dependencies cannot conflict with ours.
_CANAILLE = HERE.parent.parent / ".tox" / "canaille"
_CANAILLE_PYTHON = _CANAILLE / "bin" / "python"
_CANAILLE_INSTALLED = _CANAILLE / "requirements.txt"
_CANAILLE_REQUIREMENTS = HERE / "canaille-requirements.txt"


class MissingDependencyError(Exception):
    """Names the missing dependencies and how to install them, one on each line."""


def node() -> str:
    """Return the path of node. Raises MissingDependencyError."""
    _require([*_missing_node(), *_missing_packages()])
    return str(shutil.which("node"))


def canaille() -> str:
    """Return the path of the Python with Canaille. Raises MissingDependencyError."""
    _require([*_missing_canaille()])
    return str(_CANAILLE_PYTHON)


def chromium() -> str:
    """Return the path of Chromium. Raises MissingDependencyError."""
    _require([*_missing_chromium()])
    return next(path for name in _CHROMIUMS if (path := shutil.which(name)))


def shells() -> None:
    """Check that the shells of ``aioalf completion`` exist. Raises MissingDependencyError."""
    _require([*_missing_shells()])


def install() -> None:
    """Install missing npm packages and Canaille. Raises MissingDependencyError."""
    _require([*_missing_node(), *_missing_npm(), *_missing_chromium(), *_missing_shells()])
    if [*_missing_packages()]:
        subprocess.run(["npm", "ci"], cwd=HERE, check=True)
    if [*_missing_canaille()]:
        _install_canaille()


def _install_canaille() -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", _CANAILLE], check=True)
    pip = [str(_CANAILLE_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(_CANAILLE_REQUIREMENTS)], check=True)
    shutil.copy(
        _CANAILLE_REQUIREMENTS, _CANAILLE_INSTALLED
    )  # last, because it marks the installation as complete


def _require(missing: list[str]) -> None:
    if missing:
        raise MissingDependencyError("\n".join(["The interop tests cannot run.", *missing]))


def _missing_node() -> Iterator[str]:
    if (version := _node_version()) is None:
        yield f"node is missing: install Node {OLDEST_NODE} or newer (Debian: apt install nodejs)."
    elif int(version.partition(".")[0]) < OLDEST_NODE:
        yield f"node is {version}: install Node {OLDEST_NODE} or newer."


def _node_version() -> str | None:
    if shutil.which("node") is None:
        return None
    result = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
    return result.stdout.strip().removeprefix("v")


def _missing_npm() -> Iterator[str]:
    if shutil.which("npm") is None:
        yield "npm is missing: install it (Debian: apt install npm)."


def _missing_packages() -> Iterator[str]:
    if not _INSTALLED.exists() or _INSTALLED.stat().st_mtime < _LOCK.stat().st_mtime:
        yield "The npm packages are missing or old: run `npm ci` in tests/interop."


def _missing_canaille() -> Iterator[str]:
    is_installed = _CANAILLE_PYTHON.exists() and _CANAILLE_INSTALLED.exists()
    if not is_installed or _CANAILLE_INSTALLED.read_text() != _CANAILLE_REQUIREMENTS.read_text():
        yield "Canaille is missing or old: run `python -m tests.interop.dependencies`."


def _missing_chromium() -> Iterator[str]:
    if not any(shutil.which(name) for name in _CHROMIUMS):
        yield "chromium is missing: install it (Debian: apt install chromium)."


def _missing_shells() -> Iterator[str]:
    for name in _SHELLS:
        if shutil.which(name) is None:
            yield f"{name} is missing: install it (Debian: apt install {name})."


if __name__ == "__main__":
    try:
        install()
    except (MissingDependencyError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
