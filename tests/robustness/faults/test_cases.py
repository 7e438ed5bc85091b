"""Every fault in a short version: its effect on callers stays within the promises."""

import pytest

from aioalf import Renewal, Retry
from tests.robustness.faults.cases import CASES, Case
from tests.robustness.faults.environment import Timing
from tests.robustness.faults.measurement import CALLERS, TokenAge, measure

SHORT = Timing(
    calm=0.02,
    fault=0.2,
    timeout=0.2,
    interval=0.01,
    slow=0.02,
    trickle=0.02,
    retry_after=1,
    retry=Retry(wait_initial=0.02),
    renewal=Renewal(failure_backoff=0.1),
)


@pytest.mark.rule("R033", "R062", "R072", "R074", "R082")
@pytest.mark.parametrize("age", TokenAge, ids=lambda age: age.value)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_fault_breaks_no_promise(case: Case, age: TokenAge) -> None:
    """In the renewal window no request is lost; after expiry callers get the expected error."""
    measurement = await measure(case, age, SHORT)
    assert list(measurement.problems()) == []
    assert measurement.outcomes.total() == CALLERS
    assert measurement.token_requests >= (2 if case.fails else 1)
