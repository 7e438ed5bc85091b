"""A pytest plugin that records the outcome of each test marked with `rule`.

`pytest --ledger FILE` writes the record, `python -m tools.ledger FILE` prints it. With pytest-xdist
the workers run the tests and the main process records them: test reports carry the rules.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

_RULE = "rule"


def attach_rules(items: Iterable[pytest.Item]) -> None:
    """Copy the rules of each test to its `user_properties`, which become part of its reports."""
    for item in items:
        rules = {str(rule) for mark in item.iter_markers(_RULE) for rule in mark.args}
        item.user_properties += [(_RULE, rule) for rule in sorted(rules)]


class RuleRecorder:
    """Writes a JSON file: rule -> test -> outcome."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._results: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of the first phase (setup, call, teardown) that did not pass."""
        for name, rule in report.user_properties:
            tests = self._results[str(rule)] if name == _RULE else {}
            if tests.get(report.nodeid, "passed") == "passed":
                tests[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write the record."""
        self._target.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._results, indent=1, sort_keys=True)
        self._target.write_text(text, encoding="utf-8")
