"""The device authorization endpoint: a code for the device, and one for the person (RFC 8628 §3.1).

Knows what a device is told; does not know what becomes of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from urllib.parse import urlencode

from aiohttp import web

from aioalf.testing._server import targets
from aioalf.testing._server.answers import json_answer
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.devices import DeviceStore
from aioalf.testing._server.state.mint import Members
from aioalf.testing.settings import Settings


class DeviceEndpoint:
    """Answers devices that ask for a token."""

    def __init__(
        self, settings: Settings, devices: DeviceStore, verification_uri: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._devices = devices
        self._verification_uri = verification_uri

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """The codes (§3.2); OAuthError for a scope or a resource that is not to be had."""
        authorization = Authorization(
            client_id=client.client_id,
            scope=client.grant(form.get("scope")),
            resources=targets.resources(self._settings, form),
            audience=targets.audience(self._settings, form),
        )
        device, uri = self._devices.begin(authorization), self._verification_uri()
        members: Members = {
            "device_code": device.device_code,
            "user_code": device.user_code,
            "verification_uri": uri,
            "verification_uri_complete": f"{uri}?{urlencode({'user_code': device.user_code})}",
            "expires_in": math.ceil(self._settings.device_code_lifetime),
            "interval": device.interval,
        }
        return json_answer(self._settings, "device_authorization", members)
