"""An environment in which aio-alf is installed together with chosen packages and no others."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
_METADATA = ("setup.py", "README.rst", "LICENSE", "aioalf/__init__.py")
_DIST_INFO = (
    "from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel('metadata')"
)


def make_metadata(directory: Path) -> Path:
    """Create the metadata of aio-alf from its setup.py, with the entry points."""
    for name in _METADATA:
        (directory / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, directory / name)
    target = directory / "metadata"
    target.mkdir()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _DIST_INFO],
        cwd=directory,
        check=True,
        capture_output=True,
    )
    (metadata,) = target.glob("*.dist-info")
    return metadata


def install(site: Path, metadata: Path, packages: Iterable[str]) -> None:
    """Link aio-alf, its metadata, and the packages with all that they require, into a directory."""
    (site / "aioalf").symlink_to(ROOT / "aioalf")
    (site / metadata.name).symlink_to(metadata)
    for name in _with_requirements({"aiohttp", *packages}):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(str(found.locate_file(top)))


def run_pytest(site: Path, directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest in a directory, with the packages of `site` and no others."""
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    environment |= {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-S", "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def _with_requirements(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    missing = set(names)
    while missing:
        name = missing.pop()
        found.add(name)
        missing |= set(_requirements(name)) - found
    return found


def _requirements(name: str) -> Iterator[str]:
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)
