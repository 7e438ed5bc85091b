"""That the environments of tox leave no test to each other that none of them runs."""

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_what_the_suite_leaves_out_is_run_once() -> None:
    """In the environment `project`, and all of it is there."""
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    paths = tox["project"]["paths"].split()
    left_out = [option.removeprefix("--ignore=") for option in tox["project"]["left_out"].split()]
    assert left_out == paths
    assert all((ROOT / path).exists() for path in paths)
