"""Test ids that do not change when pytest collects several times in one process, as mutmut does.

pytest 9 escapes the backslashes of a test id again in each collection, so ids must have none.
"""


def in_ascii(value: object) -> str:
    """Return `ascii(value)` without backslashes, for use as a test id."""
    return ascii(value).replace("\\", "|")
