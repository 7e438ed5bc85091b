"""That the ledger of rules tells the truth about a run."""

import json
from pathlib import Path

import pytest

from tests.ledger import RULES, Line, listed_rules, main, make_ledger, show

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.rule("R001", "R002")
def test_kept():
    pass

@pytest.mark.rule("R002")
def test_broken():
    assert False

@pytest.mark.rule("R003")
def test_not_run():
    pytest.skip("not here")
"""


def test_every_rule_of_the_list_is_read() -> None:
    """Each row of docs/rules.rst is a rule with the release since which it is due."""
    text = RULES.read_text(encoding="utf-8")
    rules = listed_rules(text)
    assert len(rules) == text.count("\n   * - R0") + text.count("\n   * - R1") > 0
    assert set(rules.values()) <= {"1.0", "later"}


@pytest.mark.parametrize(
    ("since", "tests", "result"),
    [
        ("1.0", {"a": "passed", "b": "passed"}, "passed"),
        ("1.0", {"a": "passed", "b": "failed"}, "failed"),
        ("1.0", {"a": "skipped"}, "failed"),
        ("1.0", {"a": "not run"}, "failed"),
        ("1.0", {}, "missing"),
        ("later", {}, "later"),
        ("later", {"a": "failed"}, "failed"),
        ("unknown", {"a": "passed"}, "unknown"),
    ],
)
def test_a_rule_is_kept_only_by_tests_that_pass(
    since: str, tests: dict[str, str], result: str
) -> None:
    """A rule passes when it has tests and all of them ran and passed."""
    line = Line("R001", since, tests)
    assert line.result == result
    assert line.is_kept == (result in {"passed", "later"})


def test_a_marker_for_an_unlisted_rule_is_in_the_ledger() -> None:
    """A number that is not in the list is shown as unknown, not dropped."""
    lines = make_ledger({"R001": "1.0"}, {"R999": {"a": "passed"}})
    assert [(line.rule, line.result) for line in lines] == [
        ("R001", "missing"),
        ("R999", "unknown"),
    ]


def test_the_brief_ledger_shows_what_is_not_kept() -> None:
    """What is kept is in the sums alone."""
    lines = [Line("R001", "1.0", {"a": "passed"}), Line("R002", "1.0", {"b": "failed"})]
    text = show(lines, is_brief=True)
    assert "R001" not in text
    assert "[1 failed]" in text
    assert text.endswith("rules: 1 passed, 1 failed, 0 missing, 0 unknown, 0 later")


def test_a_run_is_recorded(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """The recorder writes each rule's tests with what became of them, and the command fails."""
    pytester.makeini("[pytest]\nmarkers = rule\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest(
        "from pathlib import Path\nfrom tests.ledger import Recorder\n"
        f"def pytest_configure(config):\n"
        f"    config.pluginmanager.register(Recorder(Path({str(tmp_path / 'ledger.json')!r})))\n"
    )
    pytester.makepyfile(test_it=TESTS)
    pytester.runpytest_inprocess().assert_outcomes(passed=1, failed=1, skipped=1)
    record = tmp_path / "ledger.json"
    assert json.loads(record.read_text(encoding="utf-8")) == {
        "R001": {"test_it.py::test_kept": "passed"},
        "R002": {"test_it.py::test_broken": "failed", "test_it.py::test_kept": "passed"},
        "R003": {"test_it.py::test_not_run": "skipped"},
    }


def test_the_command_fails_while_a_rule_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty run keeps no rule, and the exit code says so."""
    record = tmp_path / "ledger.json"
    record.write_text("{}", encoding="utf-8")
    assert main([str(record), "--brief"]) == 1
    assert "R001  missing" in capsys.readouterr().out
