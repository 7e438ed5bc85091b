"""Mutation testing: one expression of the code after another is changed, and a test has to notice.

`python -m tools.mutants` runs mutmut on copies of this checkout: first with the tests that are
near, those of the changed modules themselves, which notice most in a second or two; then, with all
tests that reach it, what those did not notice and the list in tools/mutants.toml does not give a
reason for. It fails for a survivor that is not listed. One that ran for so long that it was stopped
hangs, or the machine was busy: it is run once more by itself, and when it is stopped again, it
hangs, and that is noticed.

`python -m tools.mutants manager token` changes these modules only; `--again` runs those that the
last run did not come to, or that survived it and are not listed.
"""

import argparse
import ast
import difflib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEAR = ROOT / "artefacts" / "mutants" / "near"
ALL = ROOT / "artefacts" / "mutants" / "all"
LIST = Path(__file__).with_suffix(".toml")

_COPIED = ("aioalf", "tests", "pyproject.toml")
_SELECTED = "pytest_add_cli_args_test_selection"
_SELECTION = re.compile(rf"({_SELECTED} = )\[[^]]*\]")
_LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "interop", "node_modules")
_NAME = re.compile(r"x(?:_|ǁ(?P<owner>\w+?)ǁ)(?P<function>\w+)__mutmut_(?:orig|\d+)")
_TEXT = re.compile(r'"([^"\\]*)"')

# mutmut collects often in one process, and marks and what they hold are those of the first time.
_COLLECT_TWICE = """
import sys, pytest
for _ in range(2):
    if code := pytest.main(["--collect-only", "-q", *sys.argv[1:]]):
        sys.exit(code)
"""

# What mutmut keeps of the run of a mutant is how its tests ended.
_OUTCOMES: Mapping[int | None, str] = {None: "not run", 0: "survived", 1: "killed", 3: "killed"}
_NO_TESTS = {5, 33}
_NOTICED = {"killed", "timeout"}


@dataclass(frozen=True, order=True)
class Survivor:
    """A change that no test noticed: the function, the code as it was, and as it became."""

    where: str
    was: str
    becomes: str

    @property
    def is_wording(self) -> bool:
        """Whether nothing but the case of texts of several words changed, or marks around them."""
        if _TEXT.sub('""', self.was) != _TEXT.sub('""', self.becomes):
            return False
        texts = zip(_TEXT.findall(self.was), _TEXT.findall(self.becomes), strict=True)
        return all(" " in old and _plain(old) == _plain(new) for old, new in texts if old != new)

    def __str__(self) -> str:
        return f"{self.where}\n    - {self.was}\n    + {self.becomes}"


def _plain(text: str) -> str:
    return text.replace("XX", "").casefold()


@dataclass(frozen=True)
class Listed:
    """An entry of the list: changes of one line, and why no test can or need notice them."""

    where: str
    was: str
    becomes: Collection[str]
    why: str

    def holds(self, survivor: Survivor) -> bool:
        """Whether this survivor is one of those meant."""
        return (
            survivor.where == self.where
            and survivor.was == self.was
            and survivor.becomes in self.becomes
        )


def read_list(text: str) -> list[Listed]:
    """The entries of the list."""
    return [Listed(**entry) for entry in tomllib.loads(text).get("survivor", [])]


def read_outcomes(directory: Path) -> dict[str, str]:
    """Of each mutant by its name: killed, survived, no tests, not run or timeout."""
    outcomes: dict[str, str] = {}
    for meta in sorted(directory.rglob("*.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        for name, code in codes.items():
            outcomes[name] = "no tests" if code in _NO_TESTS else _OUTCOMES.get(code, "timeout")
    return outcomes


def read_survivor(directory: Path, name: str) -> Survivor:
    """What a mutant changed, from the file in which mutmut put it beside the original."""
    module, _, mutant = name.rpartition(".")
    matched = _NAME.fullmatch(mutant)
    if matched is None:
        raise ValueError(f"{name} is no name of a mutant")
    original = re.sub(r"\d+$", "orig", mutant)
    bodies = _bodies(directory / (module.replace(".", "/") + ".py"))
    owner = f"{matched['owner']}." if matched["owner"] else ""
    was, becomes = _changed(bodies[original], [*_renamed(bodies[mutant], mutant, original)])
    return Survivor(f"{module}.{owner}{matched['function']}", was, becomes)


@cache
def _bodies(path: Path) -> dict[str, list[str]]:
    source = path.read_text(encoding="utf-8")
    lines = [line.strip() for line in source.splitlines()]
    return {
        node.name: lines[node.lineno - 1 : node.end_lineno]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _renamed(lines: Iterable[str], name: str, other: str) -> Iterator[str]:
    return (line.replace(f"{name}(", f"{other}(") for line in lines)


def _changed(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    parts: dict[str, list[str]] = {"- ": [], "+ ": []}
    for line in difflib.ndiff(before, after):
        if line[:2] in parts:
            # What mutmut writes behind a line that it made is no part of the change.
            parts[line[:2]].append(line[2:].split("  # type: ignore")[0])
    return " ".join(parts["- "]), " ".join(parts["+ "])


def compare(survivors: Iterable[Survivor], listed: Sequence[Listed]) -> tuple[list[str], list[str]]:
    """What is wrong, and what is to be noted."""
    survivors = list(survivors)
    wrong = [
        f"no test notices, and the list does not say why: {survivor}"
        for survivor in survivors
        if not _is_accounted_for(survivor, listed)
    ]
    notes = [
        f"listed, and does not survive: {gone}"
        for entry in listed
        for gone in (Survivor(entry.where, entry.was, becomes) for becomes in entry.becomes)
        if gone not in survivors
    ]
    return wrong, notes


def prepare(work: Path, *, is_near: bool, is_anew: bool = True) -> None:
    """Copy what is changed, and what tests it, to where mutmut works."""
    if is_anew:
        shutil.rmtree(work, ignore_errors=True)
    # Which test reaches which function: mutmut keeps it, and would know no test of a new function.
    _mutated(work).joinpath("mutmut-stats.json").unlink(missing_ok=True)
    for name in _COPIED:
        source, target = ROOT / name, work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_LEFT_BEHIND, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    if is_near:
        settings = work / "pyproject.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(_SELECTION.sub(rf"\1{near_tests(text)}", text), encoding="utf-8")


def near_tests(settings: str) -> list[str]:
    """Of the tests that are selected, those named after a module that is changed."""
    mutmut = tomllib.loads(settings)["tool"]["mutmut"]
    named = tuple(f"tests/test_{Path(module).stem}" for module in mutmut["only_mutate"])
    return [test for test in mutmut[_SELECTED] if test.startswith(named)]


def _mutated(work: Path) -> Path:
    return work / "mutants"


def outcomes_of(near: Path, all_tests: Path, modules: Collection[str] = ()) -> dict[str, str]:
    """The outcomes of both runs in one.

    The second does not run what the first noticed, and what the list accounts for.
    """
    later = {name: how for name, how in read_outcomes(all_tests).items() if how != "not run"}
    known = {*accounted_for(near, modules)}
    return {
        name: how
        if how in _NOTICED
        else later.get(name, "survived" if name in known else "not run")
        for name, how in of_modules(read_outcomes(near), modules).items()
    }


def accounted_for(near: Path, modules: Collection[str] = ()) -> list[str]:
    """The mutants that are wording, or listed."""
    listed = read_list(LIST.read_text(encoding="utf-8"))
    return [
        name
        for name, how in of_modules(read_outcomes(near), modules).items()
        if how not in _NOTICED and _is_accounted_for(read_survivor(near, name), listed)
    ]


def left_of(near: Path, all_tests: Path, modules: Collection[str] = ()) -> list[str]:
    """Those that no test has noticed so far, and nothing accounts for."""
    known = {*accounted_for(near, modules)}
    outcomes = outcomes_of(near, all_tests, modules)
    return [name for name, how in outcomes.items() if how not in _NOTICED and name not in known]


def main(arguments: list[str] | None = None) -> int:
    """Run mutmut and compare; 1 when a survivor is not listed or a mutant was not run."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=main.__doc__)
    parser.add_argument("--again", action="store_true", help="run what is left of the last run")
    parser.add_argument("--no-run", action="store_true", help="compare the last run's outcomes")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="of aioalf; all by default")
    chosen = parser.parse_args(arguments)
    if not chosen.no_run:
        if not chosen.again:
            prepare(NEAR, is_near=True)
            _mutate(NEAR, *(f"{prefix}*" for prefix in _prefixes(chosen.modules)))
            run_stopped_again(_mutated(NEAR), chosen.modules, partial(_mutate, NEAR))
        prepare(ALL, is_near=False, is_anew=not chosen.again)
        if names_of_tests := unstable(ALL):
            print("tests have another name each time:", *names_of_tests, sep="\n    ")
            return 1
        if left := left_of(_mutated(NEAR), _mutated(ALL), chosen.modules):
            _mutate(ALL, *left)
        run_stopped_again(_mutated(ALL), chosen.modules, partial(_mutate, ALL))
    return report(_mutated(NEAR), _mutated(ALL), chosen.modules)


def _mutate(work: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "mutmut", "run", *arguments], cwd=work, check=True)


def _is_accounted_for(survivor: Survivor, listed: Sequence[Listed]) -> bool:
    return survivor.is_wording or any(entry.holds(survivor) for entry in listed)


def run_stopped_again(mutated: Path, modules: Collection[str], mutate: Callable[..., None]) -> None:
    """Run those that were stopped once more, one at a time: the machine may have been busy."""
    outcomes = of_modules(read_outcomes(mutated), modules)
    if stopped := [name for name, how in outcomes.items() if how == "timeout"]:
        mutate("--max-children", "1", *stopped)


def _prefixes(modules: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"aioalf.{module}." for module in modules)


def unstable(directory: Path) -> list[str]:
    """Names of tests that differ each time: what such a test reaches would all count as killed."""
    settings = tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))
    selection = settings["tool"]["mutmut"][_SELECTED]
    names: Counter[str] = Counter()
    for _ in range(2):
        command = [sys.executable, "-c", _COLLECT_TWICE, *selection]
        run = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, text=True, check=True)
        names.update(line for line in run.stdout.splitlines() if "::" in line)
    return sorted(name for name, times in names.items() if times != 4)


def of_modules(outcomes: Mapping[str, str], modules: Collection[str]) -> dict[str, str]:
    """The outcomes of these modules, of all when none is named."""
    prefixes = _prefixes(modules) or ("",)
    return {name: what for name, what in outcomes.items() if name.startswith(prefixes)}


def report(near: Path, all_tests: Path, modules: Collection[str] = ()) -> int:
    """Print what the run found; 0 when the list accounts for it."""
    outcomes = outcomes_of(near, all_tests, modules)
    survivors = _that(near, outcomes, {"survived", "no tests"})
    stopped = _that(near, outcomes, {"timeout"})
    listed = read_list(LIST.read_text(encoding="utf-8"))
    meant = [entry for entry in listed if entry.where.startswith(_prefixes(modules) or ("",))]
    wrong, notes = compare(survivors, meant)
    notes += [f"stopped twice, so it hangs, which is noticed: {mutant}" for mutant in stopped]
    print("\n".join([*notes, *wrong]))
    counts = Counter(outcomes.values())
    wording = sum(survivor.is_wording for survivor in survivors)
    print(f"mutants: {len(outcomes)}: {', '.join(f'{n} {what}' for what, n in counts.items())}")
    print(
        f"survivors: {wording} of wording, {len(wrong)} not listed; {len(stopped)} that hang; "
        f"{len(notes)} notes"
    )
    return 1 if wrong or "not run" in counts or not outcomes else 0


def _that(mutated: Path, outcomes: Mapping[str, str], ended: Collection[str]) -> list[Survivor]:
    return sorted(read_survivor(mutated, name) for name, how in outcomes.items() if how in ended)


if __name__ == "__main__":
    sys.exit(main())
