"""The device authorization endpoint and the verification page where users enter the code.

RFC 8628 §3.1 to §3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from aiohttp import web

from aioalf.testing._server.endpoints.pages import code_page, done_page, error_page
from aioalf.testing._server.grants import requested_authorization
from aioalf.testing._server.parameters import Parameters, parse_form, parse_parameters
from aioalf.testing._server.responses import OAuthError, json_response
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.devices import DeviceStore
from aioalf.testing._server.token_response import Members
from aioalf.testing._server.users import hint_for_name, problem_with_name
from aioalf.testing.records import ReceivedBody, Traffic
from aioalf.testing.settings import Settings


class DeviceAuthorizationEndpoint:
    """Issues a device code and a user code."""

    def __init__(
        self, settings: Settings, devices: DeviceStore, verification_uri: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._devices = devices
        self._verification_uri = verification_uri

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """Return the codes (§3.2); raise OAuthError for a scope or target that is not allowed."""
        authorization = requested_authorization(self._settings, client, form)
        device, uri = self._devices.add(authorization), self._verification_uri()
        members: Members = {
            "device_code": device.device_code,
            "user_code": device.user_code,
            "verification_uri": uri,
            "verification_uri_complete": f"{uri}?{urlencode({'user_code': device.user_code})}",
            "expires_in": math.ceil(self._settings.device_code_lifetime),
            "interval": device.interval,
        }
        members = self._settings.behaviour.device_response(members)
        return json_response(self._settings, "device_authorization", members)


class VerificationPage:
    """The page where a user enters the code and approves or denies the request (§3.3)."""

    def __init__(self, settings: Settings, devices: DeviceStore, traffic: Traffic) -> None:
        self._settings = settings
        self._devices = devices
        self._traffic = traffic

    def respond(self, request: web.Request, body: ReceivedBody) -> web.Response:
        """Show the form for GET, with the ``user_code`` of the URL; process it for POST."""
        try:
            match request.method:
                case "GET" | "HEAD":
                    return self._show(parse_parameters(request.query_string).get("user_code", ""))
                case "POST":
                    content_type = request.headers.get("Content-Type", "")
                    return self._decide(parse_form(content_type, body))
                case _:
                    return web.Response(status=405, headers={"Allow": "GET, HEAD, POST"})
        except OAuthError as error:
            return error_page(error.description)

    def _show(self, user_code: str, problem: str | None = None) -> web.Response:
        return code_page(user_code, hint_for_name(self._settings), problem)

    def _decide(self, form: Mapping[str, str]) -> web.Response:
        user_code, user = form.get("user_code", ""), form.get("username", "").strip()
        device = self._devices.find(user_code)
        if device is None:
            return self._show(user_code, "No device waits with this code.")
        if form.get("decision") != "approve":
            self._devices.deny(device)
            return done_page("You denied the request of the device.")
        if problem := problem_with_name(self._settings, user):
            return self._show(user_code, problem)
        self._devices.approve(device, user)
        self._traffic.count("logins")
        return done_page("The device is signed in.")
