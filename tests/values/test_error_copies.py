"""Copies of errors: as good as the first, and with no more than is wanted."""

import errno
import socket
from collections.abc import Callable
from typing import Self

import pytest
from aiohttp import ClientConnectorError, ClientSession

from aioalf._single_flight import copy_exception, copy_without_frames


def test_a_copy_of_an_error_tells_where_it_came_from() -> None:
    """What was raised where, because of what, is what the copy says."""
    with pytest.raises(ValueError, match="first") as caught:
        raise ValueError("first") from KeyError("cause")
    twin = copy_exception(caught.value)
    assert twin is not caught.value
    assert twin.__traceback__ is caught.value.__traceback__ is not None
    assert twin.__cause__ is caught.value.__cause__ is not None
    assert twin.__suppress_context__


def test_an_error_that_copies_itself_does_so() -> None:
    """It knows best what its copies may not share."""

    class SharingError(Exception):
        def __copy__(self) -> "SharingError":
            return SharingError("copied")

    assert str(copy_exception(SharingError("first"))) == "copied"


def test_an_error_of_the_system_keeps_its_number() -> None:
    """Some classes hold what they are made with out of sight."""
    twin = copy_exception(FileNotFoundError(2, "none"))
    assert (twin.errno, twin.strerror) == (2, "none")


def broken_text() -> UnicodeDecodeError:
    """What decoding raises."""
    with pytest.raises(UnicodeDecodeError) as caught:
        b"a\xff".decode()
    return caught.value


@pytest.mark.parametrize(
    "make", [broken_text, lambda: FileNotFoundError(2, "none", "/a"), lambda: ImportError(name="a")]
)
def test_what_a_class_of_pythons_holds_is_in_the_copy(make: Callable[[], Exception]) -> None:
    """It is neither in ``args`` nor in ``__dict__``."""
    error = make()
    twin = copy_exception(error)
    assert twin is not error
    assert (str(twin), repr(twin)) == (str(error), repr(error))
    names = {name for kind in type(error).__mro__[:-2] for name in vars(kind) if name[0] != "_"}
    held = {name: getattr(error, name) for name in names if hasattr(error, name)}
    assert held
    assert held == {name: getattr(twin, name) for name in held}


def test_what_a_class_has_slots_for_is_in_the_copy() -> None:
    """Also where some of them are empty."""

    class Slotted(Exception):  # noqa: N818 - it is about its slots
        __slots__ = ("code", "nothing")

    error = Slotted("text")
    error.code = 5  # type: ignore[attr-defined]
    twin = copy_exception(error)
    assert twin is not error
    assert (twin.args, twin.code) == (("text",), 5)  # type: ignore[attr-defined]
    assert not hasattr(twin, "nothing")


async def test_a_connection_that_was_refused_is_told_of_in_the_copy() -> None:
    """The errors of aiohttp are the system's, made in their own way."""
    with socket.socket() as bound:  # and nobody listens
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        async with ClientSession() as session:
            with pytest.raises(ClientConnectorError) as caught:
                await session.get(f"http://127.0.0.1:{port}/")
    twin = copy_exception(caught.value)
    assert twin.errno == errno.ECONNREFUSED
    assert (str(twin), twin.host) == (str(caught.value), "127.0.0.1")


def test_what_cannot_be_copied_is_shared() -> None:
    """Its class has the last word."""

    class Single(Exception):  # noqa: N818 - it is about its making
        def __new__(cls, *, secret: bool = False) -> Self:
            if not secret:
                raise TypeError("make it otherwise")
            return super().__new__(cls)

        def __init__(self, *, secret: bool = False) -> None:
            super().__init__("single", secret)

    error = Single(secret=True)
    assert copy_exception(error) is error
    assert copy_without_frames(error) is error


def raised(error: Exception, cause: BaseException | None = None) -> Exception:
    """The error, with frames."""
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def test_a_copy_to_keep_holds_no_frames() -> None:
    """Nor do its causes, and what they hold; the first ones go on holding theirs."""
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


def test_a_circle_of_causes_has_an_end() -> None:
    """Anybody may tie one."""
    error = raised(ValueError("round"))
    error.__cause__ = error
    depth, kept = 0, copy_without_frames(error)
    while kept.__cause__ is not None:
        depth, kept = depth + 1, kept.__cause__  # type: ignore[assignment]
    assert depth == 3
