"""The users who can sign in, as the option ``users`` names them. Pure text."""

from __future__ import annotations

from aioalf.testing.settings import Settings


def problem_with_name(settings: Settings, name: str) -> str | None:
    """Return the reason why a user cannot sign in with this name, or None."""
    if settings.users is None:
        return None if name else "Please type a name. Any name will do."
    if name in settings.users:
        return None
    return f"There is no user with this name. The users are: {', '.join(settings.users)}."


def hint_for_name(settings: Settings) -> str:
    """Return the text that the empty input shows."""
    names = "Any name" if settings.users is None else " or ".join(settings.users)
    return f"{names}, no password"
