"""The commands `login`, `request`, `token`, `status`, `logout` and `completion` of ``aioalf``.

Needs the extra ``aio-alf[cli]``, so `__main__` imports it only to run one of these commands.
"""

from aioalf._cli.main import complete, run

__all__ = ("complete", "run")
