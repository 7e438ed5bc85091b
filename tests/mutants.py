"""Mutation testing: one expression of the code after another is changed, and a test has to notice.

`python -m tests.mutants` runs mutmut on a copy of this checkout and compares what no test noticed
with the list in tests/mutants.toml, which gives a reason for each. It fails for a survivor that is
not listed, and notes a listed one that does not survive any more. One that ran for so long that it
was stopped hangs, or the machine was busy: it is run once more by itself, and when it is stopped
again, it hangs, and that is noticed. `python -m tests.mutants manager token` changes these modules
only; `--resume` goes on where a run was broken off, and runs what was changed since anew.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "artefacts" / "mutants"
LIST = Path(__file__).with_suffix(".toml")

# Which test reaches which function: mutmut keeps it, and would know no test of a new function.
_STATISTICS = WORK / "mutants" / "mutmut-stats.json"

_COPIED = ("aioalf", "tests", "pyproject.toml")
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
    source = (directory / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    matched = _NAME.fullmatch(mutant)
    if matched is None:
        raise ValueError(f"{name} is no name of a mutant")
    original = re.sub(r"\d+$", "orig", mutant)
    bodies = {
        node.name: [line.strip() for line in _lines(source, node)]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name in {mutant, original}
    }
    owner = f"{matched['owner']}." if matched["owner"] else ""
    was, becomes = _changed(bodies[original], [*_renamed(bodies[mutant], mutant, original)])
    return Survivor(f"{module}.{owner}{matched['function']}", was, becomes)


def _lines(source: str, node: ast.AST) -> list[str]:
    return (ast.get_source_segment(source, node) or "").splitlines()


def _renamed(lines: Iterable[str], name: str, other: str) -> Iterator[str]:
    return (line.replace(f"{name}(", f"{other}(") for line in lines)


def _changed(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    parts: dict[str, list[str]] = {"- ": [], "+ ": []}
    for line in difflib.ndiff(before, after):
        if line[:2] in parts:
            parts[line[:2]].append(line[2:].split("  # type: ignore")[0])
    return " ".join(parts["- "]), " ".join(parts["+ "])


def compare(survivors: Iterable[Survivor], listed: Sequence[Listed]) -> tuple[list[str], list[str]]:
    """What is wrong, and what is to be noted."""
    survivors = list(survivors)
    wrong = [
        f"no test notices, and the list does not say why: {survivor}"
        for survivor in survivors
        if not survivor.is_wording and not any(entry.holds(survivor) for entry in listed)
    ]
    notes = [
        f"listed, and does not survive: {gone}"
        for entry in listed
        for gone in (Survivor(entry.where, entry.was, becomes) for becomes in entry.becomes)
        if gone not in survivors
    ]
    return wrong, notes


def prepare(*, is_anew: bool) -> None:
    """Copy what is changed and what tests it to where mutmut works."""
    if is_anew:
        shutil.rmtree(WORK, ignore_errors=True)
    for name in _COPIED:
        source, target = ROOT / name, WORK / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_LEFT_BEHIND, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


def main(arguments: list[str] | None = None) -> int:
    """Run mutmut and compare; 1 when a survivor is not listed or a mutant was not run."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=main.__doc__)
    parser.add_argument("--again", action="store_true", help="run those that were not killed")
    parser.add_argument("--resume", action="store_true", help="run those that were not run yet")
    parser.add_argument("--no-run", action="store_true", help="compare the last run's outcomes")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="of aioalf; all by default")
    chosen = parser.parse_args(arguments)
    if chosen.resume and (chosen.modules or chosen.again):
        parser.error("--resume goes on with all that the run has: it takes nothing else")
    mutated = WORK / "mutants"
    names = [f"{prefix}*" for prefix in _prefixes(chosen.modules)]
    if chosen.again:
        outcomes = of_modules(read_outcomes(mutated), chosen.modules)
        names = [name for name, what in outcomes.items() if what != "killed"]
    if not chosen.no_run:
        prepare(is_anew=not (chosen.again or chosen.resume))
        _STATISTICS.unlink(missing_ok=True)
        if names_of_tests := unstable(WORK):
            print("tests have another name each time:", *names_of_tests, sep="\n    ")
            return 1
        _mutate(*names)
        run_stopped_again(mutated, chosen.modules, _mutate)
    return report(mutated, chosen.modules)


def _mutate(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "mutmut", "run", *arguments], cwd=WORK, check=True)


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
    selection = settings["tool"]["mutmut"]["pytest_add_cli_args_test_selection"]
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


def report(mutated: Path, modules: Collection[str] = ()) -> int:
    """Print what the run found; 0 when the list accounts for it."""
    outcomes = of_modules(read_outcomes(mutated), modules)
    survivors = _that(mutated, outcomes, {"survived", "no tests"})
    stopped = _that(mutated, outcomes, {"timeout"})
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
