"""Mutation testing: changes the code in one place at a time, and expects a test to fail each time.

`python -m tools.mutants` runs mutmut on copies of this checkout, in two steps. Step "near" runs the
quick tests of the changed layers, which kill most mutants in a few seconds. Step "all" also runs
the tests of the other layers that reach a mutant that survived; pyproject.toml names the tests that
are left out because they take long. Each survivor must be listed in tools/mutants.toml, with the
reason why no test needs to notice it; otherwise the command fails. It also fails, before it runs
anything, if an entry names code that has changed. A mutant that timed out is run again on its own,
because the machine may have been busy; if it times out again, it counts as noticed.

`python -m tools.mutants manager token` changes these modules only. `--again` runs the mutants that
the last run did not reach, or that survived it and are not listed, with the current tests.
"""

import argparse
import ast
import difflib
import json
import os
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
_NEAR_TESTS = [
    "tests/auth_server",
    "tests/compat/test_manager_hooks.py",
    "tests/manager",
    "tests/requests",
    "tests/values",
    # Whole requests, but quick: derived managers, logout and introspection have no unit tests.
    "tests/client/test_derived_clients.py",
    "tests/client/test_introspection.py",
    "tests/client/test_logout.py",
    "tests/client/test_redirects.py",
    "tests/client/test_token_connections.py",
]
_CHILDREN = 2 * (os.cpu_count() or 1)  # most tests wait for sockets, so two share a processor
_SELECTED = "pytest_add_cli_args_test_selection"
_SELECTION = re.compile(rf"({_SELECTED} = )\[[^]]*\]")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "interop", "node_modules")
_NAME = re.compile(r"x(?:_|ǁ(?P<owner>\w+?)ǁ)(?P<function>\w+)__mutmut_(?:orig|\d+)")
_TEXT = re.compile(r'"([^"\\]*)"')
_APPENDED = "  # type:"  # mutmut appends a comment that begins so to each line that it changed

# mutmut collects the tests several times in one process: test ids must not change.
_COLLECT_TWICE = """
import sys, pytest
for _ in range(2):
    if code := pytest.main(["--collect-only", "-q", *sys.argv[1:]]):
        sys.exit(code)
"""

# mutmut stores the exit code of each mutant's test run.
_OUTCOMES: Mapping[int | None, str] = {None: "not run", 0: "survived", 1: "killed", 3: "killed"}
_NO_TESTS = {5, 33}
_NOTICED = {"killed", "timeout"}


@dataclass(frozen=True, order=True)
class Survivor:
    """A change that no test noticed: the function, the original code and the changed code."""

    where: str
    was: str
    becomes: str

    @property
    def is_wording(self) -> bool:
        """Whether only messages (strings of several words) changed, in case or by a marker."""
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
    """An entry of mutants.toml: changes of one line, and why no test needs to notice them."""

    where: str
    was: str
    becomes: Collection[str]
    why: str

    def matches(self, survivor: Survivor) -> bool:
        """Whether this entry lists the survivor."""
        return (
            survivor.where == self.where
            and survivor.was == self.was
            and survivor.becomes in self.becomes
        )


def read_list(text: str) -> list[Listed]:
    """Parse mutants.toml."""
    return [Listed(**entry) for entry in tomllib.loads(text).get("survivor", [])]


def outdated(listed: Iterable[Listed]) -> list[Listed]:
    """Return the entries whose function is gone, or no longer contains the original code."""
    code = _code_of_functions()
    return [entry for entry in listed if entry.was not in code.get(entry.where, "")]


def _code_of_functions() -> dict[str, str]:
    """Map the functions and methods of the package to their lines, joined as in an entry."""
    code: dict[str, str] = {}
    for path in sorted((ROOT / "aioalf").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        source = path.read_text(encoding="utf-8")
        lines = [line.strip() for line in source.splitlines()]
        body = ast.parse(source).body
        classes = [node for node in body if isinstance(node, ast.ClassDef)]
        for name, nodes in ((module, body), *((f"{module}.{c.name}", c.body) for c in classes)):
            for node in nodes:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    code[f"{name}.{node.name}"] = " ".join(lines[node.lineno - 1 : node.end_lineno])
    return code


def read_outcomes(directory: Path) -> dict[str, str]:
    """Map each mutant to its outcome: killed, survived, no tests, not run or timeout."""
    outcomes: dict[str, str] = {}
    for meta in sorted(directory.rglob("*.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        for name, code in codes.items():
            outcomes[name] = "no tests" if code in _NO_TESTS else _OUTCOMES.get(code, "timeout")
    return outcomes


def read_survivor(directory: Path, name: str) -> Survivor:
    """Find the change in the file in which mutmut keeps the original and the mutants."""
    module, _, mutant = name.rpartition(".")
    matched = _NAME.fullmatch(mutant)
    if matched is None:
        raise ValueError(f"{name} is not the name of a mutant")
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
            parts[line[:2]].append(line[2:].split(_APPENDED)[0])
    return " ".join(parts["- "]), " ".join(parts["+ "])


def compare(survivors: Iterable[Survivor], listed: Sequence[Listed]) -> tuple[list[str], list[str]]:
    """Return the survivors that are not listed, and notes about listed ones that were killed."""
    survivors = list(survivors)
    wrong = [
        f"survived and is not listed: {survivor}"
        for survivor in survivors
        if not _is_explained(survivor, listed)
    ]
    notes = [
        f"listed, but was killed: {gone}"
        for entry in listed
        for gone in (Survivor(entry.where, entry.was, becomes) for becomes in entry.becomes)
        if gone not in survivors
    ]
    return wrong, notes


def prepare(work: Path, *, is_near: bool, keep_outcomes: bool = False) -> None:
    """Copy the package and the tests to the directory in which mutmut works."""
    if not keep_outcomes:
        shutil.rmtree(work, ignore_errors=True)
    # mutmut caches which test reaches which function; new functions would have no tests.
    _mutated(work).joinpath("mutmut-stats.json").unlink(missing_ok=True)
    for name in _COPIED:
        source, target = ROOT / name, work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_NOT_COPIED, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    if is_near:
        settings = work / "pyproject.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(_SELECTION.sub(rf"\1{_NEAR_TESTS}", text), encoding="utf-8")


def _mutated(work: Path) -> Path:
    return work / "mutants"


def outcomes_of(near: Path, all_tests: Path, modules: Collection[str] = ()) -> dict[str, str]:
    """Merge the outcomes of both steps.

    Step "all" runs neither the mutants killed by step "near" nor the listed ones.
    """
    later = {name: how for name, how in read_outcomes(all_tests).items() if how != "not run"}
    known = {*explained(near, modules)}
    return {
        name: how
        if how in _NOTICED
        else later.get(name, "survived" if name in known else "not run")
        for name, how in of_modules(read_outcomes(near), modules).items()
    }


def explained(near: Path, modules: Collection[str] = ()) -> list[str]:
    """Return the surviving mutants that are wording, or listed."""
    listed = read_list(LIST.read_text(encoding="utf-8"))
    return [
        name
        for name, how in of_modules(read_outcomes(near), modules).items()
        if how not in _NOTICED and _is_explained(read_survivor(near, name), listed)
    ]


def left_of(near: Path, all_tests: Path, modules: Collection[str] = ()) -> list[str]:
    """Return the mutants that survived, or were not run, and are neither wording nor listed."""
    known = {*explained(near, modules)}
    outcomes = outcomes_of(near, all_tests, modules)
    return [name for name, how in outcomes.items() if how not in _NOTICED and name not in known]


def main(arguments: list[str] | None = None) -> int:
    """Run mutmut; exit with 1 if a survivor is not listed or a mutant was not run."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=main.__doc__)
    parser.add_argument("--again", action="store_true", help="continue the last run")
    parser.add_argument("--no-run", action="store_true", help="report the outcomes of the last run")
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="such as manager or _requests; all by default"
    )
    options = parser.parse_args(arguments)
    if changed := outdated(read_list(LIST.read_text(encoding="utf-8"))):
        print(f"{LIST.name} names code that has changed; update or remove these entries:")
        print(*(f"{entry.where}\n    {entry.was}" for entry in changed), sep="\n")
        return 1
    if not options.no_run:
        prepare(NEAR, is_near=True, keep_outcomes=options.again)
        chosen = [f"{prefix}*" for prefix in _prefixes(options.modules)]
        if options.again:
            chosen = left_of(_mutated(NEAR), _mutated(ALL), options.modules)
        if chosen or not options.again:
            _mutate(NEAR, *chosen)
            run_stopped_again(_mutated(NEAR), options.modules, partial(_mutate, NEAR))
        prepare(ALL, is_near=False, keep_outcomes=options.again)
        if left := left_of(_mutated(NEAR), _mutated(ALL), options.modules):
            if names_of_tests := unstable(ALL):
                print("the ids of these tests change:", *names_of_tests, sep="\n    ")
                return 1
            _mutate(ALL, *left)
            run_stopped_again(_mutated(ALL), options.modules, partial(_mutate, ALL))
    return report(_mutated(NEAR), _mutated(ALL), options.modules)


def _mutate(work: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(_CHILDREN)]
    subprocess.run([*command, *arguments], cwd=work, check=True)


def _is_explained(survivor: Survivor, listed: Sequence[Listed]) -> bool:
    return survivor.is_wording or any(entry.matches(survivor) for entry in listed)


def run_stopped_again(mutated: Path, modules: Collection[str], mutate: Callable[..., None]) -> None:
    """Run mutants that timed out once more, one at a time: the machine may have been busy."""
    outcomes = of_modules(read_outcomes(mutated), modules)
    if stopped := [name for name, how in outcomes.items() if how == "timeout"]:
        mutate("--max-children", "1", *stopped)


def _prefixes(modules: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"aioalf.{module}." for module in modules)


def unstable(directory: Path) -> list[str]:
    """Return test ids that change: mutmut counts a mutant that such a test reaches as killed."""
    settings = tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))
    mutmut = settings["tool"]["mutmut"]
    arguments = [*mutmut["pytest_add_cli_args"], *mutmut[_SELECTED]]
    names: Counter[str] = Counter()
    for _ in range(2):
        command = [sys.executable, "-c", _COLLECT_TWICE, *arguments]
        run = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, text=True, check=True)
        names.update(line for line in run.stdout.splitlines() if "::" in line)
    return sorted(name for name, times in names.items() if times != 4)


def of_modules(outcomes: Mapping[str, str], modules: Collection[str]) -> dict[str, str]:
    """Select the outcomes of these modules, or all of them."""
    prefixes = _prefixes(modules) or ("",)
    return {name: how for name, how in outcomes.items() if name.startswith(prefixes)}


def report(near: Path, all_tests: Path, modules: Collection[str] = ()) -> int:
    """Print the result; return 0 if each survivor is explained."""
    outcomes = outcomes_of(near, all_tests, modules)
    survivors = _survivors(near, outcomes, {"survived", "no tests"})
    stopped = _survivors(near, outcomes, {"timeout"})
    listed = read_list(LIST.read_text(encoding="utf-8"))
    selected = [entry for entry in listed if entry.where.startswith(_prefixes(modules) or ("",))]
    wrong, notes = compare(survivors, selected)
    notes += [f"timed out twice, counts as noticed: {mutant}" for mutant in stopped]
    print("\n".join([*notes, *wrong]))
    counts = Counter(outcomes.values())
    wording = sum(survivor.is_wording for survivor in survivors)
    print(f"mutants: {len(outcomes)}: {', '.join(f'{n} {how}' for how, n in counts.items())}")
    print(
        f"survivors: {wording} of wording, {len(wrong)} not listed; {len(stopped)} timed out; "
        f"{len(notes)} notes"
    )
    return 1 if wrong or "not run" in counts or not outcomes else 0


def _survivors(
    mutated: Path, outcomes: Mapping[str, str], ended: Collection[str]
) -> list[Survivor]:
    return sorted(read_survivor(mutated, name) for name, how in outcomes.items() if how in ended)


if __name__ == "__main__":
    sys.exit(main())
