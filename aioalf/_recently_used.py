"""`RecentlyUsed`: objects by key, of which a limited number is kept alive.

Must not know what the objects are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar
from weakref import WeakValueDictionary

Key = TypeVar("Key")
Value = TypeVar("Value")

LIMIT: Final = 10_000
"""The number of objects that are kept."""


class RecentlyUsed(Generic[Key, Value]):
    """Creates each object once for its key, and keeps the `LIMIT` most recently used ones.

    Another object stays here as long as the program uses it. Finding and adding an object takes
    constant time.
    """

    def __init__(self) -> None:
        self._alive: WeakValueDictionary[Key, Value] = WeakValueDictionary()
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, create: Callable[[], Value]) -> Value:
        """Return the object of this key; create it if it does not exist."""
        value = self._alive.get(key)
        if value is None:
            value = self._alive[key] = create()
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > LIMIT:
            self._kept.popitem(last=False)
        return value

    def __iter__(self) -> Iterator[Value]:
        """Iterate over all objects that exist."""
        return iter(tuple(self._alive.values()))
