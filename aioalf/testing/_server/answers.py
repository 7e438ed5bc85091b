"""A right answer as JSON, or what a test has made of it.

Knows headers and members; does not know what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from aioalf.testing._server.oauth_error import NO_STORE
from aioalf.testing.settings import Endpoint, Json, Missing, Settings


def json_answer(
    settings: Settings, endpoint: Endpoint, members: Mapping[str, Json | Missing], status: int = 200
) -> web.Response:
    """The members as JSON that nobody may store, changed as the settings say."""
    body = changed(settings, endpoint, members)
    return web.json_response(body, status=status, headers=NO_STORE)


def changed(
    settings: Settings, endpoint: Endpoint, members: Mapping[str, Json | Missing]
) -> dict[str, Json]:
    """The members, changed as the settings say, without those that are `MISSING`."""
    said = {**members, **settings.changes.get(endpoint, {})}
    return {name: value for name, value in said.items() if not isinstance(value, Missing)}
