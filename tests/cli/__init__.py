"""The commands of ``python -m aioalf``: what they do, what they say, and how they end."""
