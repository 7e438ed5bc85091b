"""The API reference: functions that docs/conf.py calls for docstrings, signatures and links.

Must not import Sphinx, so that tests and type checkers need not install it.
"""

from collections.abc import Iterable, MutableSequence
from typing import Final

NAMES_OF_0_4_0: Final = {
    "aioalf.client.Client",
    "aioalf.client.Client.close",
    "aioalf.client.Client.fetch",
    "aioalf.client.Client.request",
    "aioalf.client.Client.token_manager_class",
    "aioalf.errors.TokenError",
    "aioalf.errors.TokenHTTPError",
    "aioalf.httpclient.HTTPRequest",
    "aioalf.implicit.OAuthImplictTokenManager",
    "aioalf.implicit.TokenStorage",
    "aioalf.implicit.TokenStorage.clean",
    "aioalf.implicit.TokenStorage.load",
    "aioalf.implicit.TokenStorage.save",
    "aioalf.implicit.use_implicit_flow",
    "aioalf.implicit_manager.CLOSE_PAGE",
    "aioalf.implicit_manager.DEFAULT_PAGE",
    "aioalf.manager.TokenManager",
    "aioalf.manager.TokenManager.get_token",
    "aioalf.manager.TokenManager.reset_token",
    "aioalf.token.Token",
    "aioalf.token.Token.is_valid",
}
"""The names of release 0.4.0 and of its project page, each where the reference describes it now."""


def is_new(name: str) -> bool:
    """Return whether release 0.4.0 did not have a name. Members of a new class are not marked."""
    owner = name.rpartition(".")[0]
    is_member = owner.rpartition(".")[2][:1].isupper()
    return name not in NAMES_OF_0_4_0 and (not is_member or owner in NAMES_OF_0_4_0)


def adapt_docstring(kind: str, name: str, lines: MutableSequence[str]) -> None:
    """Mark names that are new in 1.0, and keep only the summary of a module.

    The other paragraphs of a module's docstring are for people who change the module.
    """
    if kind == "module":
        del lines[lines.index("") if "" in lines else len(lines) :]
    elif is_new(name):
        lines += ["", ".. versionadded:: 1.0", ""]


def adapt_signature(kind: str, value: object, signature: str) -> str:
    """Show no arguments of a protocol, and dots for a default that is made for each object."""
    if kind == "class" and getattr(value, "_is_protocol", False):
        return ""
    return signature.replace("<factory>", "...")


def is_skipped(name: str, value: object) -> bool:
    """Leave out the tests of `CacheContract`, and fields of tuples, which their class describes."""
    is_field = str(getattr(value, "__doc__", "")).startswith("Alias for field number")
    return is_field or name.startswith("test_")


def place_of(name: str, described: Iterable[str]) -> str | None:
    """Return the place where the reference describes a name that the code spells differently.

    The code may name the private module that defines an object, or no module. None if there is no
    such place, or if there are several.
    """
    ending = "." + name.rpartition(".")[2]
    found = [place for place in described if place.endswith(ending)]
    return found[0] if len(found) == 1 else None
