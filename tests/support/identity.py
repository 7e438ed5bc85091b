"""The names of tests by their values, the same however often pytest collects in one process.

pytest 9 escapes the backslashes of names that it was given once more each time, so that `make
mutants`, which collects often, would not find such a test again.
"""


def in_ascii(value: object) -> str:
    """Return what stands for the value in a test's name: no backslash, nothing to escape."""
    return ascii(value).replace("\\", "|")
