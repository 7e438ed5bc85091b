"""Fixtures of the redirect listener's tests."""

import gc
import logging
from collections.abc import Iterator

import pytest

from tests.browser.listener import SECRET, STATE


@pytest.fixture(scope="module")
def _older_objects_are_frozen() -> None:
    """Keep objects of other tests out of the garbage collection after each test."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def _no_leaks(caplog: pytest.LogCaptureFixture, _older_objects_are_frozen: None) -> Iterator[None]:
    """Check that a test leaves no unclosed socket, and logs no secret."""
    caplog.set_level(logging.DEBUG)
    yield
    gc.collect()
    assert SECRET not in caplog.text
    assert STATE not in caplog.text
