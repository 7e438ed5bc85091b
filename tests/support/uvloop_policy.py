"""A plugin of pytest that runs all tests on uvloop: ``pytest -p tests.support.uvloop_policy``."""

import asyncio
from importlib import import_module

# By its name, since only one environment of tox has it installed.
asyncio.set_event_loop_policy(import_module("uvloop").EventLoopPolicy())
