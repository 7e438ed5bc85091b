"""How a token manager of a user's own class was made, so that another one can be made.

It knows the keywords that such a class is called with, and nothing of what becomes of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._requests.manager_adapter import TokenProvider
from aioalf.errors import TokenConfigurationError


class Recipe:
    """A class, and the keywords that it was called with; `repr` shows none of them."""

    def __init__(self, make: Callable[..., TokenProvider], arguments: Mapping[str, Any]) -> None:
        self._make = make
        self._arguments = arguments

    def but(self, **changes: object) -> Recipe:
        """Return the same but for what is given, that is, not None.

        Raises TokenConfigurationError for a keyword that the class does not take.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        taken = inspect.signature(self._make).parameters.values()
        names = {each.name for each in taken}
        takes_any = any(each.kind is each.VAR_KEYWORD for each in taken)
        if not takes_any and (unknown := sorted(given.keys() - names)):
            name = getattr(self._make, "__name__", "token_manager_class")
            raise TokenConfigurationError(
                f"{name} cannot ask for another {' or '.join(unknown)}: it takes no such keyword"
            )
        return Recipe(self._make, {**self._arguments, **given})

    @property
    def identity(self) -> tuple[frozenset[str], ...]:
        """What makes two of them ask for the same."""
        said = self._arguments.get
        return TokenRequestParams(
            said("scope"), said("resource"), said("audience"), said("parameters")
        ).identity

    def make(self) -> TokenProvider:
        """Return a manager."""
        return self._make(**self._arguments)
