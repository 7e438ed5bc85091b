"""The commands of a person at a terminal: log in, and make requests that are logged in.

It is imported when one of them is called, for it needs the packages of ``aio-alf[cli]``.
"""

from aioalf._cli.commands import run

__all__ = ("run",)
