"""Names of a package whose modules are imported on first use (PEP 562).

pytest imports this package in each of its runs, to find the plugin, and should not pay for aiohttp.
A program uses one grant and one client authentication method, and often no refresh token. Must not
know what is exported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module


def lazy_exports(
    package: str, exports: Mapping[str, str], submodules: Collection[str] = ()
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: The full name of the package.
        exports: For each name, the module of the package that defines it.
        submodules: Further modules of the package that are attributes of it.
    """
    modules = {*exports.values(), *submodules}

    def find(name: str) -> object:
        if name in exports:
            value = getattr(import_module(f"{package}.{exports[name]}"), name)
        elif name in modules:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return vars(sys.modules[package]).setdefault(name, value)

    return find, lambda: sorted({*vars(sys.modules[package]), *exports, *submodules})
