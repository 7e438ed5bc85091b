"""The ways to get a token: one class a grant, each in a file of its own.

A grant is asked for a token with the endpoint in hand; it caches nothing and keeps no state.
"""

from aioalf.grants.client_credentials import ClientCredentials
from aioalf.grants.contract import Form, Grant, TokenSource

__all__ = ("ClientCredentials", "Form", "Grant", "TokenSource")
