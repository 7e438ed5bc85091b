"""All kinds of scenarios, by the names that test ids and `make fuzz` use."""

from tests.robustness.interleavings.client_scenario import ClientScenario
from tests.robustness.interleavings.closing_scenario import ClosingScenario
from tests.robustness.interleavings.faulty_cache_scenario import (
    FaultyCacheScenario,
    ServiceScenario,
)
from tests.robustness.interleavings.implicit_scenario import ImplicitScenario
from tests.robustness.interleavings.login_scenario import LoginScenario
from tests.robustness.interleavings.scenario import Scenario
from tests.robustness.interleavings.session_scenario import SessionScenario

KINDS: dict[str, type[Scenario]] = {
    "plain": Scenario,
    "implicit": ImplicitScenario,
    "login": LoginScenario,
    "client": ClientScenario,
    "cache": FaultyCacheScenario,
    "service": ServiceScenario,
    "closing": ClosingScenario,
    "sessions": SessionScenario,
}


def replay_command(kind: str, seed: int) -> str:
    """Return the command that plays one seed of a kind, and shows its events if it fails."""
    file = "tests/robustness/interleavings/test_interleavings.py"
    test = f"{file}::test_promises_hold_in_every_order[{kind}-{seed}]"
    return f'AIOALF_SEED={seed} python -m pytest "{test}"'
