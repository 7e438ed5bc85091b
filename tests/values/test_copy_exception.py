"""Tests of copies of errors: with all details, and with or without tracebacks."""

import errno
import socket
from collections.abc import Callable
from typing import Self

import pytest
from aiohttp import ClientConnectorError, ClientSession

from aioalf._single_flight import copy_exception, copy_without_frames


def test_copy_keeps_traceback_and_cause() -> None:
    """A copy shows where and why the error was raised."""
    with pytest.raises(ValueError, match="first") as caught:
        raise ValueError("first") from KeyError("cause")
    duplicate = copy_exception(caught.value)
    assert duplicate is not caught.value
    assert duplicate.__traceback__ is caught.value.__traceback__ is not None
    assert duplicate.__cause__ is caught.value.__cause__ is not None
    assert duplicate.__suppress_context__


def test_copy_method_of_the_error_is_used() -> None:
    """The class decides what copies share."""

    class SharingError(Exception):
        def __copy__(self) -> "SharingError":
            return SharingError("copied")

    assert str(copy_exception(SharingError("first"))) == "copied"


def test_copy_of_an_os_error_keeps_its_number() -> None:
    """OSError keeps its values in C fields."""
    duplicate = copy_exception(FileNotFoundError(2, "none"))
    assert (duplicate.errno, duplicate.strerror) == (2, "none")


def broken_text() -> UnicodeDecodeError:
    """Return the error of decoding invalid UTF-8."""
    with pytest.raises(UnicodeDecodeError) as caught:
        b"a\xff".decode()
    return caught.value


@pytest.mark.parametrize(
    "make",
    [broken_text, lambda: FileNotFoundError(2, "none", "/a"), lambda: ImportError(name="a")],
    ids=["UnicodeDecodeError", "FileNotFoundError", "ImportError"],
)
def test_copy_of_a_builtin_error_keeps_its_attributes(make: Callable[[], Exception]) -> None:
    """They are neither in ``args`` nor in ``__dict__``."""
    error = make()
    duplicate = copy_exception(error)
    assert duplicate is not error
    assert (str(duplicate), repr(duplicate)) == (str(error), repr(error))
    names = {name for kind in type(error).__mro__[:-2] for name in vars(kind) if name[0] != "_"}
    held = {name: getattr(error, name) for name in names if hasattr(error, name)}
    assert held
    assert held == {name: getattr(duplicate, name) for name in held}


def test_copy_keeps_slots() -> None:
    """Also if some of them are not set."""

    class Slotted(Exception):  # noqa: N818 - named after what it tests
        __slots__ = ("code", "nothing")

    error = Slotted("text")
    error.code = 5  # type: ignore[attr-defined]
    duplicate = copy_exception(error)
    assert duplicate is not error
    assert (duplicate.args, duplicate.code) == (("text",), 5)  # type: ignore[attr-defined]
    assert not hasattr(duplicate, "nothing")


async def test_copy_of_an_aiohttp_error_keeps_its_attributes() -> None:
    """The errors of aiohttp are OSErrors with constructors of their own."""
    with socket.socket() as bound:  # not listening
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        async with ClientSession() as session:
            with pytest.raises(ClientConnectorError) as caught:
                await session.get(f"http://127.0.0.1:{port}/")
    duplicate = copy_exception(caught.value)
    assert duplicate.errno == errno.ECONNREFUSED
    assert (str(duplicate), duplicate.host) == (str(caught.value), "127.0.0.1")


def test_error_that_cannot_be_copied_is_returned_itself() -> None:
    """Its class may refuse to create another one."""

    class Single(Exception):  # noqa: N818 - named after what it tests
        def __new__(cls, *, secret: bool = False) -> Self:
            if not secret:
                raise TypeError("secret is required")
            return super().__new__(cls)

        def __init__(self, *, secret: bool = False) -> None:
            super().__init__("single", secret)

    error = Single(secret=True)
    assert copy_exception(error) is error
    assert copy_without_frames(error) is error


def raised(error: Exception, cause: BaseException | None = None) -> Exception:
    """Return the error after raising it, so that it has a traceback."""
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def test_copy_without_frames_has_no_tracebacks() -> None:
    """Nor have its causes and the errors in its attributes; the original errors keep theirs."""
    system = raised(OSError(5, "io"))
    below = raised(KeyError("below"), system)
    below.of_the_system = system  # type: ignore[attr-defined]
    error = raised(ValueError("above"), below)
    kept = copy_without_frames(error)
    assert (str(kept), str(kept.__cause__)) == ("above", "'below'")
    cause = kept.__cause__
    assert cause is not None
    assert str(cause.__cause__) == str(cause.of_the_system) == str(system)  # type: ignore[attr-defined]
    for each in (kept, cause, cause.__cause__, cause.of_the_system):  # type: ignore[attr-defined]
        assert each is not None
        assert each.__traceback__ is None
    for each in (error, below, system):
        assert each.__traceback__ is not None


def test_cycle_of_causes_is_copied_to_a_limited_depth() -> None:
    """An error may be its own cause."""
    error = raised(ValueError("round"))
    error.__cause__ = error
    depth, kept = 0, copy_without_frames(error)
    while kept.__cause__ is not None:
        depth, kept = depth + 1, kept.__cause__  # type: ignore[assignment]
    assert depth == 3
