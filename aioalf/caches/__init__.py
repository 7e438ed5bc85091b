"""Token caches: keep logins longer than a client lives, and share them between processes."""

from aioalf.caches.file import FileCache
from aioalf.caches.memory import MemoryCache
from aioalf.caches.protocols import TokenCache

__all__ = ("FileCache", "MemoryCache", "TokenCache")
