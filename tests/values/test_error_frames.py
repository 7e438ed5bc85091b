"""Tests of clearing the frames of an error."""

import traceback
from typing import NoReturn

import pytest

from aioalf._error_frames import hide_locals_on_error

SECRET = "hunter2"


def check(value: str) -> None:
    """Raise an error with a cause, and have the value in a local variable."""
    text = value
    try:
        int(text)
    except ValueError as error:
        raise LookupError("not a number") from error


@hide_locals_on_error
def register(name: str, *, secret: str) -> str:
    """Check the secret and return the name."""
    check(secret)
    return name


def report_of(error: BaseException) -> str:
    """Return the traceback with local variables, without the frames of the tests."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    del report.stack[0]
    return "".join(report.format())


def test_traceback_keeps_its_lines_without_local_variables() -> None:
    """A reader sees where the error was raised, and nothing of the arguments."""
    with pytest.raises(LookupError) as caught:
        register("a", secret=SECRET)
    assert caught.value.__cause__ is not None
    caught.value.__cause__.args = ("invalid literal",)
    report = report_of(caught.value)
    assert "check(secret)" in report
    assert "int(text)" in report
    assert SECRET not in report


def test_missing_argument_is_hidden_too() -> None:
    """Python refuses the call after the decorated function was entered."""
    with pytest.raises(TypeError, match="secrets") as caught:
        register("a", secret="5", secrets=SECRET)  # type: ignore[call-arg]
    assert SECRET not in report_of(caught.value)


def test_successful_call_returns_the_result() -> None:
    """The decorated function behaves like the function itself."""
    assert register("a", secret="5") == "a"
    assert register.__doc__ == "Check the secret and return the name."


def test_error_that_the_caller_handles_is_not_touched() -> None:
    """Its frames belong to the caller."""

    def fail(own: str) -> NoReturn:
        raise KeyError(len(own))

    def handled_and_raised() -> tuple[KeyError, BaseException]:
        try:
            fail("a variable of the caller")
        except KeyError as handled:
            with pytest.raises(LookupError) as caught:
                register("a", secret=SECRET)
            return handled, caught.value

    handled, raised = handled_and_raised()
    assert raised.__cause__ is not None
    assert raised.__cause__.__context__ is handled
    assert "a variable of the caller" in report_of(handled)


def test_cycle_of_causes_ends() -> None:
    """Each error is cleared once."""

    @hide_locals_on_error
    def fail() -> None:
        first, second = ValueError("first"), ValueError("second")
        first.__cause__, second.__cause__ = second, first
        raise first

    with pytest.raises(ValueError, match="first"):
        fail()
