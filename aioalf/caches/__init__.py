"""Token caches: keep logins longer than a client lives, and share them between processes."""

from aioalf._cache_protocol import Claim, TokenCache
from aioalf.caches.file import FileCache
from aioalf.caches.memory import MemoryCache

__all__ = ("Claim", "FileCache", "MemoryCache", "TokenCache")
