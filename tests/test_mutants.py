"""What `make mutants` makes of a run: whom the list accounts for, and whom not."""

import json
from pathlib import Path

import pytest

from tests.mutants import (
    LIST,
    ROOT,
    Listed,
    Survivor,
    compare,
    left_of,
    near_tests,
    of_modules,
    outcomes_of,
    prepare,
    read_list,
    read_outcomes,
    read_survivor,
    report,
    run_stopped_again,
    unstable,
)

MUTATED = """
class Box:
    async def xǁBoxǁopen__mutmut_orig(self) -> bool:
        text = "a lid"
        return self.count > 0

    async def xǁBoxǁopen__mutmut_1(self) -> bool:
        text = "a lid"
        return self.count >= 0


def x__shut__mutmut_orig(box): # type: ignore # mutmut generated
    return box.shut(
        "now",
    )
def x__shut__mutmut_1(box): # type: ignore # mutmut generated
    return box.shut(
    )
"""

SETTINGS = """
[tool.mutmut]
pytest_add_cli_args_test_selection = ["test_box.py"]
"""
TESTS = """
import pytest, time
@pytest.mark.parametrize("when", {names})
def test_open(when): pass
def test_shut(): pass
"""

OPEN = Survivor("pack.box.Box.open", "return self.count > 0", "return self.count >= 0")
SHUT = Survivor("pack.box._shut", '"now",', "")


@pytest.fixture
def mutated(tmp_path: Path) -> Path:
    """What mutmut leaves of a run with two survivors."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "box.py").write_text(MUTATED, encoding="utf-8")
    write_codes(tmp_path, {"pack.box.xǁBoxǁopen__mutmut_1": 0, "pack.box.x__shut__mutmut_1": 33})
    return tmp_path


def write_codes(directory: Path, codes: dict[str, int | None]) -> None:
    """The exit codes of the runs, as mutmut keeps them."""
    meta = directory / "pack" / "box.py.meta"
    meta.write_text(json.dumps({"exit_code_by_key": codes}), encoding="utf-8")


def entry(survivor: Survivor) -> Listed:
    """The entry that accounts for it."""
    return Listed(survivor.where, survivor.was, [survivor.becomes], "it does not matter")


def test_a_survivor_is_told_by_what_it_changed(mutated: Path) -> None:
    """Not by mutmut's number, which changes with the function."""
    assert read_survivor(mutated, "pack.box.xǁBoxǁopen__mutmut_1") == OPEN
    assert read_survivor(mutated, "pack.box.x__shut__mutmut_1") == SHUT
    with pytest.raises(ValueError, match="no name of a mutant"):
        read_survivor(mutated, "pack.box.open")


def test_every_outcome_is_told(mutated: Path) -> None:
    """What ends in any other way than mutmut knows was stopped."""
    write_codes(mutated, {"a": 0, "b": 1, "c": 3, "d": None, "e": 33, "f": -24})
    assert read_outcomes(mutated) == {
        "a": "survived",
        "b": "killed",
        "c": "killed",
        "d": "not run",
        "e": "no tests",
        "f": "timeout",
    }


def test_modules_can_be_chosen() -> None:
    """By their names; a name that another begins with is not meant."""
    outcomes = {"aioalf.token.x_read__mutmut_1": "killed", "aioalf.token_response.x": "survived"}
    assert of_modules(outcomes, []) == outcomes
    assert of_modules(outcomes, ["token"]) == {"aioalf.token.x_read__mutmut_1": "killed"}
    assert of_modules(outcomes, ["token", "token_response"]) == outcomes


def test_a_test_that_cannot_be_found_again_is_named(tmp_path: Path) -> None:
    """What mutmut cannot run counts as a failure, and so as a test that noticed."""
    (tmp_path / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    tests = tmp_path / "test_box.py"
    tests.write_text(TESTS.format(names="['now']"), encoding="utf-8")
    assert unstable(tmp_path) == []
    # The time differs between processes; a mark's backslashes are escaped once more each time.
    for name in ("str(time.time_ns())", "'a\\\\nb'"):
        tests.write_text(TESTS.format(names=f"[{name}], ids=str"), encoding="utf-8")
        first, second = unstable(tmp_path)
        assert first != second
        assert first.startswith("test_box.py::test_open[")


def test_a_survivor_needs_an_entry() -> None:
    """One that is not listed is wrong; one that is listed and gone is a note."""
    wrong, notes = compare([OPEN, SHUT], [entry(OPEN)])
    assert len(wrong) == 1
    assert str(SHUT) in wrong[0]
    assert not notes
    wrong, notes = compare([], [entry(OPEN)])
    assert not wrong
    assert notes == [f"listed, and does not survive: {OPEN}"]


@pytest.mark.parametrize(
    ("was", "becomes", "wording"),
    [
        ('raise E("it is shut")', 'raise E("XXit is shutXX")', True),
        ('raise E("It is shut")', 'raise E("it is shut")', True),
        ('raise E("shut")', 'raise E("XXshutXX")', False),
        ('raise E("it is shut")', "raise E(None)", False),
        ('f("it is", "shut")', 'f("it is", "SHUT")', False),
        ('f("it is", "shut")', 'f("it is", )', False),
        ("return a", "return A", False),
    ],
)
def test_the_wording_of_a_text_needs_no_entry(was: str, becomes: str, *, wording: bool) -> None:
    """Tests look for what a message says; a word alone may be a name that the wire carries."""
    assert Survivor("f", was, becomes).is_wording is wording


def test_a_run_passes_when_the_list_accounts_for_it(
    mutated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And fails for what is not listed, was not run, or for nothing at all."""
    entries = "".join(
        f"[[survivor]]\nwhere = '{one.where}'\nwas = '{one.was}'\n"
        f"becomes = ['{one.becomes}']\nwhy = 'x'\n"
        for one in (OPEN, SHUT)
    )
    listed = mutated / "list.toml"
    monkeypatch.setattr("tests.mutants.LIST", listed)
    listed.write_text(entries, encoding="utf-8")
    assert report(mutated, mutated) == 0
    assert "mutants: 2: 1 survived, 1 no tests\n" in capsys.readouterr().out
    listed.write_text("", encoding="utf-8")
    assert report(mutated, mutated) == 1
    assert "2 not listed" in capsys.readouterr().out
    write_codes(mutated, {"pack.box.xǁBoxǁopen__mutmut_1": -24})
    assert report(mutated, mutated) == 0
    printed = capsys.readouterr().out
    assert f"stopped twice, so it hangs, which is noticed: {OPEN}\n" in printed
    assert "1 that hang;" in printed
    write_codes(mutated, {"pack.box.xǁBoxǁopen__mutmut_1": None})
    assert report(mutated, mutated) == 1
    write_codes(mutated, {})
    assert report(mutated, mutated) == 1


def test_all_tests_are_run_for_what_nothing_accounts_for(
    mutated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for what the tests that are near noticed, nor for what is listed."""
    name, other = "pack.box.xǁBoxǁopen__mutmut_1", "pack.box.x__shut__mutmut_1"
    later = tmp_path / "later"
    (later / "pack").mkdir(parents=True)
    monkeypatch.setattr("tests.mutants.LIST", listed := mutated / "list.toml")
    listed.write_text("", encoding="utf-8")
    assert left_of(mutated, later) == [name, other]
    assert outcomes_of(mutated, later) == {name: "not run", other: "not run"}
    write_codes(later, {name: 1, other: None})
    assert left_of(mutated, later) == [other]
    assert outcomes_of(mutated, later) == {name: "killed", other: "not run"}
    write_codes(later, {name: 0, other: 0})
    assert left_of(mutated, later) == [name, other]
    listed.write_text(
        f"[[survivor]]\nwhere = '{SHUT.where}'\nwas = '{SHUT.was}'\nbecomes = ['']\nwhy = 'x'\n",
        encoding="utf-8",
    )
    write_codes(later, {name: None, other: None})
    assert left_of(mutated, later) == [name]
    assert outcomes_of(mutated, later) == {name: "not run", other: "survived"}
    write_codes(mutated, {name: 1, other: -24})
    assert left_of(mutated, later) == []
    assert outcomes_of(mutated, later) == {name: "killed", other: "timeout"}


def test_tests_are_near_that_are_named_after_what_is_changed(tmp_path: Path) -> None:
    """All that are selected stay in the copy for the rest."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = near_tests(settings)
    assert {"tests/test_token.py", "tests/test_manager_renewal.py"} <= {*found}
    assert not [test for test in found if "client" in test]
    for is_near in (True, False):
        prepare(tmp_path / "work", is_near=is_near)
        copied = (tmp_path / "work" / "pyproject.toml").read_text(encoding="utf-8")
        assert (copied == settings) is not is_near
        assert near_tests(copied) == found
    assert (tmp_path / "work" / "aioalf" / "token.py").exists()


def test_what_was_stopped_is_run_again_by_itself(mutated: Path) -> None:
    """On a busy machine, what no test notices may run for too long as well."""
    runs: list[tuple[str, ...]] = []

    def mutate(*arguments: str) -> None:
        runs.append(arguments)
        write_codes(mutated, {"pack.a": 0, "pack.b": 1, "other.c": -24})

    write_codes(mutated, {"pack.a": -24, "pack.b": 1, "other.c": -24})
    for _ in range(2):
        run_stopped_again(mutated, [], mutate)
    once, again = runs
    assert once == ("--max-children", "1", "pack.a", "other.c")
    assert again == ("--max-children", "1", "other.c")
    write_codes(mutated, {"pack.a": 0, "pack.b": 1})
    run_stopped_again(mutated, [], mutate)
    assert len(runs) == 2  # without a name mutmut runs all


def test_the_list_gives_a_reason_for_each_of_its_entries() -> None:
    """And names changes, each once."""
    entries = read_list(LIST.read_text(encoding="utf-8"))
    assert all(entry.why and entry.becomes for entry in entries)
    changes = [(entry.where, entry.was, new) for entry in entries for new in entry.becomes]
    assert len({*changes}) == len(changes)
