"""`python -m tools.fuzz` tries random inputs on each target in turn.

It starts with the inputs of the corpus. A failure is shrunk, printed and written to artefacts/fuzz,
and the exit code is 1. The exit code is also 1 if memory grows with the number of inputs.
"""

import argparse
import gc
import logging
import sys
import time
import traceback
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.database import InMemoryExampleDatabase

from tools.fuzz.corpus import kept
from tools.fuzz.targets import TARGETS, Target
from tools.fuzz.watchdog import limited

if sys.platform != "win32":
    import resource

FAILURES = Path("artefacts", "fuzz")
BATCH = 200
MAX_SECONDS = 60.0
"""Wall-clock limit of an input. It stops inputs that block the event loop."""
MAX_GROWTH = 64 * 2**20
"""Bytes by which the process may grow after the first batch of each target."""


class Fuzzing:
    """The runs of one target, and its failures."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.runs = 0
        self.failures = 0
        self.seconds = 0.0
        self.slowest = 0.0

    def batch(self, deadline: float) -> None:
        """Try a batch of inputs, or fewer if the time is up."""
        begin = time.monotonic()
        last: list[Any] = []
        unraisable: list[str] = []
        hook = sys.unraisablehook
        sys.unraisablehook = lambda fault: unraisable.append(f"{fault.object!r}: {fault.exc_value}")

        @settings(
            max_examples=BATCH,
            deadline=None,
            database=InMemoryExampleDatabase(),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            phases=[Phase.generate, Phase.target, Phase.shrink],
            print_blob=False,
        )
        @given(self.target.inputs)
        def attempt(value: Any) -> None:
            if not last and time.monotonic() > deadline:
                return
            started = time.monotonic()
            try:
                self._check(value, unraisable)
            except BaseException:
                last[:] = [value]
                raise
            self.slowest = max(self.slowest, time.monotonic() - started)

        try:
            attempt()
        except Exception:  # noqa: BLE001 - any escaped exception is a failure
            self._keep(last[0], traceback.format_exc())
        finally:
            sys.unraisablehook = hook
            gc.collect()  # each input collects only its own garbage
            self.seconds += time.monotonic() - begin

    def _check(self, value: Any, unraisable: list[str]) -> None:
        self.runs += 1
        unraisable.clear()
        with limited(MAX_SECONDS):
            self.target.check(value)
        assert not unraisable, unraisable

    def _keep(self, value: Any, trace: str) -> None:
        self.failures += 1
        FAILURES.mkdir(parents=True, exist_ok=True)
        digest = sha256(repr(value).encode()).hexdigest()[:12]
        file = FAILURES / f"{self.target.name}-{digest}.txt"
        file.write_text(f"{value!r}\n", encoding="utf-8")
        print(f"{trace}\n{self.target.name} failed; the input is in {file}", flush=True)
        if self.target.replay_command is not None:
            print(f"replay: {self.target.replay_command(value)}", flush=True)

    def __str__(self) -> str:
        return (
            f"{self.target.name:<15} {self.runs:>8} inputs {self.seconds:>7.0f} s"
            f" {self.slowest:>6.2f} s at most {self.failures:>4} failures"
        )


def peak() -> int:
    """Return the peak memory of the process in bytes, or 0 if the system does not tell."""
    if sys.platform == "win32":
        return 0
    gc.collect()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(arguments: list[str] | None = None) -> int:
    """Fuzz for some time; exit with 1 if a target failed or memory grew."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="total time (%(default)s)")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"any of {', '.join(TARGETS)}; all by default"
    )
    options = parser.parse_args(arguments)
    if unknown := {*options.targets} - TARGETS.keys():
        parser.error(f"unknown target {', '.join(unknown)}; choose from {', '.join(TARGETS)}")
    warnings.simplefilter("error")
    logging.getLogger().addHandler(logging.NullHandler())  # log records are not failures
    names = options.targets or [*TARGETS]
    for name in names:
        for file, value in kept(name):
            print(f"{file.name}: {name}", flush=True)
            with limited(MAX_SECONDS):
                TARGETS[name].check(value)
    return fuzz([Fuzzing(TARGETS[name]) for name in names], options.seconds)


def fuzz(fuzzings: list[Fuzzing], seconds: float) -> int:
    """Run all targets in turn until the time is up, and print a summary."""
    end = time.monotonic() + seconds
    height = 0
    while time.monotonic() < end:
        for fuzzing in fuzzings:
            fuzzing.batch(min(end, time.monotonic() + seconds / len(fuzzings)))
        height = height or peak()
    growth = peak() - (height or peak())
    print("\n".join(map(str, fuzzings)))
    if height:
        print(f"memory grew by {growth / 2**20:.1f} MiB after the first batches")
    return 1 if growth > MAX_GROWTH or any(fuzzing.failures for fuzzing in fuzzings) else 0


if __name__ == "__main__":
    sys.exit(main())
