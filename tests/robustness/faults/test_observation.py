"""Each fault of the catalogue, shortly: what callers see, and that it is over when it is over."""

import pytest

from aioalf import Renewal, Retry
from tests.robustness.faults.catalogue import CASES, Case
from tests.robustness.faults.observation import CALLERS, Token, observe
from tests.robustness.faults.scene import Pace

SHORT = Pace(
    calm=0.02,
    lasts=0.2,
    timeout=0.2,
    interval=0.01,
    slow=0.02,
    trickle=0.02,
    retry_after=1,
    retry=Retry(wait_initial=0.02),
    renewal=Renewal(failure_backoff=0.1),
)


@pytest.mark.rule("R033", "R062", "R072", "R074", "R082")
@pytest.mark.parametrize("token", Token, ids=lambda token: token.value)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_fault_does_what_it_may_and_no_more(case: Case, token: Token) -> None:
    """In its window nobody loses a request; after it callers see the fault's own error at worst."""
    seen = await observe(case, token, SHORT)
    assert list(seen.problems()) == []
    assert seen.saw.total() == CALLERS
    assert seen.token_requests >= (2 if case.fails else 1)
