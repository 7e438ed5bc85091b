"""Names of a package whose modules are imported on first use (PEP 562).

A program uses one grant and one client authentication method, and often no refresh token. To import
everything would take half of the time of ``import aioalf``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_exports(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: The full name of the package.
        modules: For each name, the module of the package that defines it.
    """

    def find(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find, lambda: sorted({*vars(sys.modules[package]), *modules})
