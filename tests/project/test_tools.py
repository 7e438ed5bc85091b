"""Each tool of the maintainers starts and does a tiny job."""

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.robustness.interleavings.kinds import replay_command
from tools import mutants
from tools.draw_sequence import draw
from tools.fuzz.__main__ import Fuzzing, fuzz
from tools.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
PICTURES = sorted((ROOT / "docs").rglob("*.seq"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of `tools` in the checkout."""
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_ledger_prints_the_rules_of_a_run(tmp_path: Path) -> None:
    """A rule with a failed test is reported, and makes the exit code 1."""
    record = tmp_path / "ledger.json"
    tests = {"test_a": "passed", "test_b[1]": "failed"}
    record.write_text(json.dumps({"R060": tests}), encoding="utf-8")
    ledger = run("tools.ledger", "--brief", str(record))
    assert ledger.returncode == 1
    assert "R060  failed   2 tests" in ledger.stdout
    assert "test_b  [1 failed]" in ledger.stdout


def test_newest_skips_the_pinned_aiohttp() -> None:
    """The command runs only if the installed aiohttp is not the pinned version."""
    newest = run("tools.newest", "-c", "print('it ran')")
    assert newest.returncode == 0
    assert ("it ran" in newest.stdout) != ("is pinned" in newest.stdout)


def test_mutants_reads_its_list() -> None:
    """Without a finished run the result is a failure, as nothing was tested."""
    assert run("tools.mutants", "--help").returncode == 0
    assert run("tools.mutants", "--no-run", "no_such_module").returncode == 1


def test_entries_of_the_mutants_name_code_that_exists() -> None:
    """An entry of a function or a line that is gone has to be updated or removed."""
    entries = mutants.read_list(mutants.LIST.read_text(encoding="utf-8"))
    assert mutants.outdated(entries) == []
    gone = mutants.Listed("aioalf.token.Token.gone", "return 1", ("",), "no such function")
    changed = mutants.Listed("aioalf.token.Token.is_valid", "return 1", ("",), "no such line")
    assert mutants.outdated([gone, changed]) == [gone, changed]


def test_fuzz_tries_some_inputs() -> None:
    """Targets get the inputs of the corpus, then a few random ones."""
    targets = ("token_response", "redirect", "retry_after", "cache", "interleaving")
    fuzzing = run("tools.fuzz", "--seconds", "0.1", *targets)
    assert fuzzing.returncode == 0, fuzzing.stdout + fuzzing.stderr
    assert fuzzing.stdout.count(" 0 failures") == len(targets)


def test_fuzz_prints_how_to_replay_a_failing_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command is printed, and the input is kept in a file that can be read back."""

    def fail(value: object) -> None:
        raise AssertionError("a broken promise")

    monkeypatch.setattr("tools.fuzz.__main__.FAILURES", tmp_path)
    seed = ("service", 7)
    target = replace(TARGETS["interleaving"], inputs=st.just(seed), check=fail)
    assert fuzz([Fuzzing(target)], seconds=0.5) == 1
    printed = capsys.readouterr().out
    assert "a broken promise" in printed
    assert f"replay: {replay_command(*seed)}" in printed
    (file,) = tmp_path.iterdir()
    assert ast.literal_eval(file.read_text(encoding="utf-8")) == seed


def test_benchmarks_measure_and_write_json(tmp_path: Path) -> None:
    """A quick run of two measures prints tables and writes their figures."""
    measures = ("memory-transport", "get-token")
    options = ("--quick", "--only", *measures, "--results", str(tmp_path))
    bench = run("tools.benchmarks.bench", *options)
    assert bench.returncode == 0, bench.stdout + bench.stderr
    (result,) = tmp_path.glob("*.json")
    figures = json.loads(result.read_text(encoding="utf-8"))["figures"]
    names = {figure["contender"] for figure in figures}
    assert names >= {"aiohttp", "OAuth2Middleware", "Client", "TokenManager.get_token"}


@pytest.mark.parametrize("source", PICTURES, ids=lambda path: path.stem)
def test_sequence_diagrams_are_up_to_date(source: Path) -> None:
    """Each diagram in the documents is what `tools.draw_sequence` makes of its source."""
    drawn = draw(source.read_text(encoding="utf-8"))
    assert source.with_suffix(".svg").read_text(encoding="utf-8") == drawn
