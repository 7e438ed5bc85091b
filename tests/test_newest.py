"""What is run on the newest aiohttp, and when."""

import pytest

from tests.newest import held, main


def test_what_all_others_run_is_not_run_again(capfd: pytest.CaptureFixture[str]) -> None:
    """It says so."""
    assert main(["-c", "raise SystemExit(3)"], held()) == 0
    assert (
        capfd.readouterr().out
        == f"aiohttp {held()} is the newest, and what every environment runs\n"
    )


def test_what_is_newer_is_run(capfd: pytest.CaptureFixture[str]) -> None:
    """What comes of it is the result."""
    assert main(["-c", "print('run'); raise SystemExit(3)"], "999.0") == 3
    assert capfd.readouterr().out == f"aiohttp 999.0 is newer than {held()}\nrun\n"
