"""docs/explanation/faults.rst has a row for each fault, and comes from a complete run."""

from collections import Counter
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tests.robustness.faults import report
from tests.robustness.faults.__main__ import main
from tests.robustness.faults.cases import CASES, Case
from tests.robustness.faults.environment import Timing
from tests.robustness.faults.measurement import Measurement, TokenAge


def tables_of(text: str) -> list[list[list[str]]]:
    """Return the tables of a document as lists of rows of cells."""
    return [
        [[cell.astext() for cell in row.findall(nodes.entry)] for row in body.findall(nodes.row)]
        for body in publish_doctree(text).findall(nodes.tbody)
    ]


def measurement(age: TokenAge, **changed: object) -> Measurement:
    """Return a possible measurement of the first fault."""
    values: dict[str, object] = {
        "case": CASES[0],
        "age": age,
        "outcomes": Counter({"200": 60, "TokenConnectionError": 40}),
        "longest_wait": 1.234,
        "requests": 200,
        "lost": 0,
        "token_requests": 3,
        "recovery": 0.5,
        "max_token_requests": 10,
        "without_token": 0,
    }
    return Measurement(**{**values, **changed})  # type: ignore[arg-type]


def test_every_fault_has_a_row_in_both_tables() -> None:
    """After a new fault is added, `make faults` has to be run."""
    in_window, expired = tables_of(report.DOCUMENT.read_text(encoding="utf-8"))
    names = [case.name for case in CASES]
    assert [row[0] for row in in_window] == names
    assert [row[0] for row in expired] == names


def test_documented_run_lost_nothing_in_the_renewal_window() -> None:
    """The figures in the document keep the promise."""
    in_window, _ = tables_of(report.DOCUMENT.read_text(encoding="utf-8"))
    assert {row[1] for row in in_window} == {"100 times 200"}
    assert {row[3].partition(" of ")[0] for row in in_window} == {"0"}


def test_run_is_written_between_the_comments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Writing twice gives the same document, and the rest of it stays unchanged."""
    document = tmp_path / "faults.rst"
    document.write_text(f"Head\n====\n\n{report.BEGIN}\n{report.END}\n\nTail\n", encoding="utf-8")
    monkeypatch.setattr(report, "DOCUMENT", document)
    measurements = [measurement(age) for age in TokenAge]
    report.write(report.section(measurements, Timing()))
    written = document.read_text(encoding="utf-8")
    report.write(report.section(measurements, Timing()))
    assert document.read_text(encoding="utf-8") == written
    assert written.startswith("Head\n")
    assert written.endswith("\n\nTail\n")
    cells = ["60 times 200, 40 times TokenConnectionError", "1.23 s", "0 of 200", "3", "0.50 s"]
    assert tables_of(written) == [[[CASES[0].name, *cells]]] * 2


@pytest.mark.parametrize(
    ("arguments", "lost", "code", "is_written"),
    [([], 0, 0, True), ([], 1, 1, False), (["--only", CASES[0].name], 0, 0, False)],
)
def test_only_a_complete_run_without_problems_is_written(
    arguments: list[str], lost: int, code: int, monkeypatch: pytest.MonkeyPatch, *, is_written: bool
) -> None:
    """A run with a problem exits with 1."""

    async def measure(case: Case, age: TokenAge, _: Timing) -> Measurement:
        return measurement(age, case=case, outcomes=Counter({"200": 100}), lost=lost)

    written: list[str] = []
    monkeypatch.setattr("tests.robustness.faults.__main__.measure", measure)
    monkeypatch.setattr(report, "write", written.append)
    assert main(arguments) == code
    assert bool(written) is is_written


def test_recovery_during_the_fault_is_shown() -> None:
    """A new token before the end of the fault has no recovery time."""
    assert report.row(measurement(TokenAge.EXPIRED, recovery=0.0))[-1] == "during the fault"


def test_kept_promises_give_no_problem() -> None:
    """No request was lost, and there were not too many token requests."""
    kept = measurement(TokenAge.IN_WINDOW, outcomes=Counter({"200": 100}))
    assert list(kept.problems()) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"outcomes": Counter({"KeyError": 1})}, "KeyError"),
        ({"outcomes": Counter({"200": 100}), "lost": 1}, "1 requests were lost"),
        ({"outcomes": Counter({"200": 100}), "token_requests": 11}, "more than 10"),
        ({"outcomes": Counter({"200": 100}), "without_token": 2}, "2 requests reached"),
    ],
)
def test_broken_promise_is_reported(changed: dict[str, object], expected: str) -> None:
    """The description makes the run fail."""
    (problem,) = measurement(TokenAge.IN_WINDOW, **changed).problems()
    assert expected in problem
