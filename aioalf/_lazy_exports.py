"""Import the exports of a package on first use.

pytest imports this package in each of its runs, to find the plugin. Only the tests that use the
plugin should pay for the import of aiohttp. Must not know what is exported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from importlib import import_module


def lazy_exports(
    package: str, exports: Collection[str], modules: Collection[str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    The first name that is used imports all modules, so that a program imports the same modules
    however it starts.

    Args:
        package: The name of the package.
        exports: Its ``__all__``.
        modules: The modules of the package that define these names.
    """
    names = frozenset(exports)

    def get_attribute(name: str) -> object:
        values = vars(sys.modules[package])
        # The import system and debuggers look for special names, although they use no export.
        if not name.startswith("__"):
            for defined in [vars(import_module(f"{package}.{module}")) for module in modules]:
                for export in names & defined.keys():
                    values.setdefault(export, defined[export])
        if name not in values:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return values[name]

    def list_attributes() -> list[str]:
        return sorted(names | vars(sys.modules[package]).keys())

    return get_attribute, list_attributes
