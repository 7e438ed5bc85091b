"""The document of the faults: its tables have a line for each, and are what a run writes."""

from collections import Counter
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tests.robustness.faults import table
from tests.robustness.faults.__main__ import main
from tests.robustness.faults.catalogue import CASES, Case
from tests.robustness.faults.observation import Observation, Token
from tests.robustness.faults.scene import Pace


def tables_of(text: str) -> list[list[list[str]]]:
    """Each table of a document: its rows, its cells."""
    return [
        [[cell.astext() for cell in row.findall(nodes.entry)] for row in body.findall(nodes.row)]
        for body in publish_doctree(text).findall(nodes.tbody)
    ]


def observation(token: Token, **changed: object) -> Observation:
    """What might have been seen of the first fault."""
    values: dict[str, object] = {
        "case": CASES[0],
        "token": token,
        "saw": Counter({"200": 60, "TokenConnectionError": 40}),
        "longest_wait": 1.234,
        "requests": 200,
        "lost": 0,
        "token_requests": 3,
        "recovery": 0.5,
        "bound": 10,
        "without_token": 0,
    }
    return Observation(**{**values, **changed})  # type: ignore[arg-type]


def test_every_fault_has_its_line_in_both_tables() -> None:
    """A fault that is new in the catalogue wants a run of `make faults`."""
    in_window, expired = tables_of(table.DOCUMENT.read_text(encoding="utf-8"))
    names = [case.name for case in CASES]
    assert [row[0] for row in in_window] == names
    assert [row[0] for row in expired] == names


def test_the_document_says_that_nothing_is_lost_in_the_window() -> None:
    """Its figures are of a run that kept the promise."""
    in_window, _ = tables_of(table.DOCUMENT.read_text(encoding="utf-8"))
    assert {row[1] for row in in_window} == {"100 times 200"}
    assert {row[3].partition(" of ")[0] for row in in_window} == {"0"}


def test_a_run_is_written_between_the_comments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Twice gives what once gives; the rest stays as it is."""
    document = tmp_path / "faults.rst"
    document.write_text(f"Head\n====\n\n{table.BEGIN}\n{table.END}\n\nTail\n", encoding="utf-8")
    monkeypatch.setattr(table, "DOCUMENT", document)
    seen = [observation(token) for token in Token]
    table.write(table.section(seen, Pace()))
    written = document.read_text(encoding="utf-8")
    table.write(table.section(seen, Pace()))
    assert document.read_text(encoding="utf-8") == written
    assert written.startswith("Head\n")
    assert written.endswith("\n\nTail\n")
    cells = ["60 times 200, 40 times TokenConnectionError", "1.23 s", "0 of 200", "3", "0.50 s"]
    assert tables_of(written) == [[[CASES[0].name, *cells]]] * 2


@pytest.mark.parametrize(
    ("arguments", "lost", "code", "is_written"),
    [([], 0, 0, True), ([], 1, 1, False), (["--only", CASES[0].name], 0, 0, False)],
)
def test_the_document_is_of_a_whole_run_that_kept_the_promises(
    arguments: list[str], lost: int, code: int, monkeypatch: pytest.MonkeyPatch, *, is_written: bool
) -> None:
    """What a broken promise looked like stays on the terminal."""

    async def observe(case: Case, token: Token, _: Pace) -> Observation:
        return observation(token, case=case, saw=Counter({"200": 100}), lost=lost)

    written: list[str] = []
    monkeypatch.setattr("tests.robustness.faults.__main__.observe", observe)
    monkeypatch.setattr(table, "write", written.append)
    assert main(arguments) == code
    assert bool(written) is is_written


def test_what_recovered_early_says_so() -> None:
    """The new token was there before the fault was over."""
    assert table.row(observation(Token.EXPIRED, recovery=0.0))[-1] == "during it"


def test_what_is_promised_holds() -> None:
    """Nobody loses a request while there is a token, and after that none more than need be."""
    assert list(observation(Token.IN_ITS_WINDOW, saw=Counter({"200": 100})).problems()) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"saw": Counter({"KeyError": 1})}, "KeyError"),
        ({"saw": Counter({"200": 100}), "lost": 1}, "1 requests were lost"),
        ({"saw": Counter({"200": 100}), "token_requests": 11}, "more than 10"),
        ({"saw": Counter({"200": 100}), "without_token": 2}, "2 requests came"),
    ],
)
def test_what_is_not_as_promised_is_said(changed: dict[str, object], expected: str) -> None:
    """It makes the run fail."""
    (problem,) = observation(Token.IN_ITS_WINDOW, **changed).problems()
    assert expected in problem
