"""The short form of `make fuzz`: some inputs for each target, and all that are kept."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from fuzz.corpus import kept
from fuzz.targets import TARGETS, Target

KEPT = [(name, file, value) for name in TARGETS for file, value in kept(name)]


def some_of(target: Target, count: int) -> None:
    """Hold a target to its promise for so many inputs."""

    @settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(target.inputs)
    def check(value: object) -> None:
        target.check(value)

    check()


@pytest.mark.rule("R007", "R031", "R063")
def test_any_answer_of_the_token_endpoint_is_a_token_or_an_error() -> None:
    """Status, fields and body together, however they arrive, read by either parser of aiohttp."""
    some_of(TARGETS["token_response"], 60)


@pytest.mark.rule("R062")
def test_any_answer_of_the_token_endpoint_leaves_a_client_whole() -> None:
    """A response or a TokenError comes out, and the API sees no request without a token."""
    some_of(TARGETS["client"], 30)


@pytest.mark.rule("R056", "R059")
def test_any_challenge_leaves_a_call_with_its_401() -> None:
    """One more try at most, and no harm from what the field says."""
    some_of(TARGETS["challenge"], 40)


@pytest.mark.rule("R106", "R116", "R117")
def test_any_request_to_the_listener_leaves_the_login_waiting() -> None:
    """It is answered plainly or not at all, and the right redirect still completes the login."""
    some_of(TARGETS["redirect"], 40)


@pytest.mark.rule("R033")
def test_any_retry_after_is_a_time_or_none() -> None:
    """Seconds, dates and nonsense alike."""
    some_of(TARGETS["retry_after"], 100)


def test_any_order_of_events_keeps_the_promises() -> None:
    """Other seeds than those that are always played."""
    some_of(TARGETS["interleaving"], 20)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, _, value in KEPT],
    ids=[f"{name}-{file.stem}" for name, file, _ in KEPT],
)
def test_what_once_broke_a_promise_does_so_no_more(name: str, value: Any) -> None:
    """Each input of the corpus, which nobody has to find again."""
    TARGETS[name].check(value)


def test_the_corpus_holds_inputs_of_targets_only() -> None:
    """A file in the wrong place would be read by nobody."""
    corpus = Path(__file__).resolve().parent.parent / "fuzz" / "corpus"
    assert {file.parent.name for file in corpus.rglob("*.txt")} <= TARGETS.keys()
    assert len([*corpus.rglob("*.txt")]) == len(KEPT)
