"""The ledger of rules: which tests prove which rule of docs/rules.rst, and whether they passed.

`pytest --ledger FILE` records a run; `python -m tools.ledger FILE` prints the ledger made of it and
fails when a rule that is due has no passing test, or a test names a rule that is not listed.
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

RULES = Path(__file__).resolve().parent.parent / "docs" / "rules.rst"
_ROW = re.compile(r"^   \* - (?P<number>R\d{3})\n     - (?P<since>\S+)\n", re.MULTILINE)
_LATER = "later"

Results = Mapping[str, Mapping[str, str]]
"""Of each rule its tests, of each test its outcome."""


class Recorder:
    """A pytest plugin that writes down the outcome of every test that names a rule."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._rules: dict[str, list[str]] = {}
        self._outcomes: dict[str, str] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which rules the tests of this run name."""
        for item in session.items:
            named = [str(rule) for mark in item.iter_markers("rule") for rule in mark.args]
            if named:
                self._rules[item.nodeid] = sorted(set(named))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome: the first phase that did not pass is the test's."""
        if self._outcomes.get(report.nodeid, "passed") == "passed":
            self._outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write the record."""
        results: dict[str, dict[str, str]] = defaultdict(dict)
        for test, rules in self._rules.items():
            for rule in rules:
                results[rule][test] = self._outcomes.get(test, "not run")
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._target.write_text(json.dumps(results, indent=1, sort_keys=True), encoding="utf-8")


@dataclass(frozen=True)
class Line:
    """One rule of the ledger."""

    rule: str
    since: str
    tests: Mapping[str, str]

    @property
    def result(self) -> str:
        """What the tests say together: passed, failed, unknown, missing or later."""
        if self.since == "unknown":
            return "unknown"
        if not self.tests:
            return "later" if self.since == _LATER else "missing"
        return "passed" if set(self.tests.values()) == {"passed"} else "failed"

    @property
    def is_kept(self) -> bool:
        """Whether the ledger may be closed with this line in it."""
        return self.result in {"passed", "later"}


def listed_rules(text: str) -> dict[str, str]:
    """Of each rule in the list: the release since which it is due, or `later`."""
    return {row["number"]: row["since"] for row in _ROW.finditer(text)}


def make_ledger(rules: Mapping[str, str], results: Results) -> list[Line]:
    """Put the listed rules and the recorded tests together, in the order of the numbers."""
    numbers = sorted(rules.keys() | results.keys())
    return [Line(rule, rules.get(rule, "unknown"), results.get(rule, {})) for rule in numbers]


def show(lines: Iterable[Line], *, is_brief: bool) -> str:
    """The ledger as text: every line, or those that are not kept; then the sums."""
    lines = list(lines)
    text = [_show_line(line) for line in lines if not (is_brief and line.is_kept)]
    sums = {
        result: sum(line.result == result for line in lines)
        for result in ("passed", "failed", "missing", "unknown", "later")
    }
    return "\n".join([*text, "rules: " + ", ".join(f"{n} {result}" for result, n in sums.items())])


def _show_line(line: Line) -> str:
    """One rule: its result, and below it its tests, the cases of one counted by outcome."""
    cases: dict[str, Counter[str]] = defaultdict(Counter)
    for test, outcome in sorted(line.tests.items()):
        cases[test.partition("[")[0]][outcome] += 1
    head = f"{line.rule}  {line.result:<8} {len(cases)} tests"
    return "\n".join([head, *(f"      {test}{_counted(cases[test])}" for test in cases)])


def _counted(outcomes: Counter[str]) -> str:
    """How often a test ran, and with which outcome; nothing to say of one that passed once."""
    if outcomes == {"passed": 1}:
        return ""
    return "  [" + ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()) + "]"


def main(arguments: list[str] | None = None) -> int:
    """Print the ledger of a recorded run; 1 when a rule is not kept."""
    parser = argparse.ArgumentParser(prog="python -m tools.ledger", description=main.__doc__)
    parser.add_argument("record", type=Path, help="what pytest --ledger wrote")
    parser.add_argument("--brief", action="store_true", help="only rules that are not kept")
    chosen = parser.parse_args(arguments)
    results: Results = json.loads(chosen.record.read_text(encoding="utf-8"))
    lines = make_ledger(listed_rules(RULES.read_text(encoding="utf-8")), results)
    print(show(lines, is_brief=chosen.brief))
    return 0 if lines and all(line.is_kept for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
