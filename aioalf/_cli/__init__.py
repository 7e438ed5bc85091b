"""The commands `login`, `request`, `token`, `status` and `logout` of ``aioalf``.

Needs the extra ``aio-alf[cli]``, so `__main__` imports it only to run one of these commands.
"""

from aioalf._cli.main import run

__all__ = ("run",)
