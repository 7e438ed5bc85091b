"""OAuth 2 for aiohttp: a session that is always authorized."""

__version__ = "1.0.0.dev0"
