"""Prints the ledger of rules: for each rule of docs/explanation/rules.rst, the tests that prove it.

`pytest --ledger FILE` records a test run; `python -m tools.ledger FILE` prints the result. The
exit code is 1 if a rule that is due has no test, if a test of a rule failed, or if a test names a
rule that docs/explanation/rules.rst does not list.
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RULES = Path(__file__).resolve().parent.parent / "docs" / "explanation" / "rules.rst"
_ROW = re.compile(r"^   \* - (?P<number>R\d{3})\n     - (?P<since>\S+)\n", re.MULTILINE)
_LATER = "later"
_UNKNOWN = "unknown"
_RESULTS = ("passed", "failed", "missing", _UNKNOWN, _LATER)


@dataclass(frozen=True)
class Line:
    """One rule: the release since which it is due, and the outcome of each of its tests."""

    rule: str
    since: str
    tests: Mapping[str, str]

    @property
    def result(self) -> str:
        """One of `_RESULTS`."""
        if self.since == _UNKNOWN:
            return _UNKNOWN
        if not self.tests:
            return _LATER if self.since == _LATER else "missing"
        return "passed" if set(self.tests.values()) == {"passed"} else "failed"

    @property
    def is_ok(self) -> bool:
        """Whether the rule is proven, or not due yet."""
        return self.result in {"passed", _LATER}


def listed_rules(text: str) -> dict[str, str]:
    """Map each rule of the page to the release since which it is due, or to "later"."""
    return {row["number"]: row["since"] for row in _ROW.finditer(text)}


def make_ledger(rules: Mapping[str, str], record: Mapping[str, Mapping[str, str]]) -> list[Line]:
    """Combine the listed rules with a recorded run (rule -> test -> outcome)."""
    numbers = sorted(rules.keys() | record.keys())
    return [Line(rule, rules.get(rule, _UNKNOWN), record.get(rule, {})) for rule in numbers]


def format_ledger(lines: Sequence[Line], *, is_brief: bool) -> str:
    """Format all lines, or only the lines that are not ok, and a summary."""
    text = [_format_line(line) for line in lines if not (is_brief and line.is_ok)]
    counts = Counter(line.result for line in lines)
    summary = ", ".join(f"{counts[result]} {result}" for result in _RESULTS)
    return "\n".join([*text, f"rules: {summary}"])


def _format_line(line: Line) -> str:
    """Format a rule with its tests; the cases of a parametrized test are counted by outcome."""
    cases: dict[str, Counter[str]] = defaultdict(Counter)
    for test, outcome in sorted(line.tests.items()):
        cases[test.partition("[")[0]][outcome] += 1
    head = f"{line.rule}  {line.result:<8} {len(cases)} tests"
    return "\n".join([head, *(f"      {test}{_format_counts(cases[test])}" for test in cases)])


def _format_counts(outcomes: Counter[str]) -> str:
    if outcomes == {"passed": 1}:
        return ""
    return "  [" + ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()) + "]"


def main(arguments: list[str] | None = None) -> int:
    """Print the ledger of a recorded test run; exit with 1 if a rule is not proven."""
    parser = argparse.ArgumentParser(prog="python -m tools.ledger", description=main.__doc__)
    parser.add_argument("record", type=Path, help="the file written by pytest --ledger")
    parser.add_argument("--brief", action="store_true", help="print only rules that are not proven")
    options = parser.parse_args(arguments)
    record = json.loads(options.record.read_text(encoding="utf-8"))
    lines = make_ledger(listed_rules(RULES.read_text(encoding="utf-8")), record)
    print(format_ledger(lines, is_brief=options.brief))
    return 0 if lines and all(line.is_ok for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
