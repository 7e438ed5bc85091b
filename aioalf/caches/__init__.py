"""Token caches: where what was granted outlives a client, and how several processes share it."""

from aioalf.caches.file import FileCache
from aioalf.caches.memory import MemoryCache
from aioalf.caches.protocols import TokenCache

__all__ = ("FileCache", "MemoryCache", "TokenCache")
