"""That `make clean` leaves a checkout as it was cloned."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MADE = (
    ".coverage.py311",
    ".hypothesis/examples/one",
    ".mypy_cache/one",
    ".pytest_cache/one",
    ".ruff_cache/one",
    ".tox/lint/one",
    ".venv/made",
    "aio_alf.egg-info/PKG-INFO",
    "aioalf/grants/__pycache__/one.pyc",
    "artefacts/ledger.json",
    "benchmarks/results/figures.json",
    "build/one",
    "dist/one",
    "tests/interop/node_modules/one",
)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_what_the_commands_made_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """Environments, caches, builds, and what runs wrote for people to look at."""
    kept = {"Makefile", "aioalf/grants/one.py", "benchmarks/bench.py", "tests/interop/one.py"}
    for name in (*MADE, *kept):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    subprocess.run([shutil.which("make") or "", "clean"], cwd=tmp_path, check=True, timeout=30)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == kept
