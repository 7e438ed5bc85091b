"""Facts about providers, for ``Client(provider=...)``: one function for each provider.

A provider is plain data. `Provider` describes one that is missing here.
"""

from aioalf.providers._provider import Provider
from aioalf.providers.google import google
from aioalf.providers.slack import slack

__all__ = ("Provider", "google", "slack")
