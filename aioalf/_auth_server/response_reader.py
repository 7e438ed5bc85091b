"""Calls the response reader of a server, a user's function that sees secrets.

If it fails, the failure says so without a value of the response. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from inspect import iscoroutine
from traceback import clear_frames
from typing import Final, NamedTuple, cast

from aioalf._auth_server.server_rules import ResponseReader
from aioalf._hidden_repr import MaskedDict

_QUOTED: Final = 8
"""A text that repeats this many characters of a value in a row may show a part of a secret."""

_SHORTEST: Final = 4
"""A shorter value is no secret."""

_LONG: Final = 14
"""A value of this many characters is hardly the name of a member."""

_MAX_TEXT: Final = 300


class ReaderFailure(NamedTuple):
    """Why a reader returned no members. The cause is None if it raised no error."""

    problem: str
    cause: BaseException | None = None

    def __str__(self) -> str:
        return f"the response reader failed: {self.problem}"


def call_reader(
    reader: ResponseReader, members: Mapping[str, object]
) -> Mapping[str, object] | ReaderFailure:
    """Return the members of a response as the reader returns them, or the reader's failure."""
    try:
        # A copy: a reader that fails halfway may have removed members.
        read = cast("object", reader(MaskedDict(members)))
        if isinstance(read, Mapping):
            renamed = MaskedDict(cast("Mapping[str, object]", read))
            problem = _problem(renamed, members)
            return renamed if problem is None else ReaderFailure(problem)
        if iscoroutine(read):
            read.close()
        return ReaderFailure(f"it returned {type(read).__name__} instead of a mapping")
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the response may have any form
        return ReaderFailure(f"it raised {type(error).__name__}", _harmless(error, members))


def _problem(names: Collection[object], members: Mapping[str, object]) -> str | None:
    if not all(isinstance(name, str) for name in names):
        return "it returned a mapping with names that are not text"
    # Errors and local variables show the names of members.
    long = {name for name in _values(members) if len(name) >= _LONG}
    return None if long.isdisjoint(names) else "it returned a value of the response as a name"


def _harmless(error: BaseException, members: Mapping[str, object]) -> BaseException:
    """Return the error without local variables; another one if its text repeats a value."""
    lines = error.__traceback__ and error.__traceback__.tb_next  # without the frame of the caller
    clear_frames(lines)
    error.__cause__ = error.__context__ = None
    is_group = isinstance(cast("object", error), BaseExceptionGroup)  # with more tracebacks
    if is_group or _shows(error, members):
        name = type(error).__name__
        error = RuntimeError(f"{name}, whose text may repeat values of the response")
    return error.with_traceback(lines)


def _shows(error: BaseException, members: Mapping[str, object]) -> bool:
    """Tell whether a text of the error repeats a value, or a part of it."""
    text: str | None = None
    with suppress(Exception):  # of a class of the user
        text = "\n".join([str(error), repr(error), *getattr(error, "__notes__", ())])
    if text is None or len(text) > _MAX_TEXT:
        return True
    values = [value for value in _values(members) if len(value) >= _SHORTEST]
    everything = "\n".join(values)
    parts = (text[start : start + _QUOTED] for start in range(len(text) - _QUOTED + 1))
    return any(value in text for value in values) or any(part in everything for part in parts)


def _values(members: object) -> Iterator[str]:
    """Yield the texts and the long numbers of a response."""
    pending = [members]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            pending.extend(cast("Mapping[str, object]", value).values())
        elif isinstance(value, list):
            pending.extend(cast("list[object]", value))
        elif isinstance(value, str) or len(str(value)) >= _QUOTED:
            yield str(value)
