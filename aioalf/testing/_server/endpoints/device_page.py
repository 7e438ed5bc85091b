"""Where a person types the code that a device shows, and says yes or no (RFC 8628 §3.3).

Knows neither faults nor how pages look.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from aioalf.testing._server.endpoints.pages import code_page, done_page, error_page
from aioalf.testing._server.forms import form_parameters, parameters
from aioalf.testing._server.oauth_error import OAuthError
from aioalf.testing._server.state.devices import DeviceStore
from aioalf.testing.records import ReceivedBody, Traffic


class DevicePage:
    """Shows a form, and does what it says."""

    def __init__(self, devices: DeviceStore, traffic: Traffic) -> None:
        self._devices = devices
        self._traffic = traffic

    def answer(self, request: web.Request, body: ReceivedBody) -> web.Response:
        """GET shows the form, with the code in it if the URL has one; POST is the form."""
        try:
            match request.method:
                case "GET" | "HEAD":
                    return code_page(parameters(request.query_string).get("user_code", ""))
                case "POST":
                    content_type = request.headers.get("Content-Type", "")
                    return self._decide(form_parameters(content_type, body))
                case _:
                    return web.Response(status=405, headers={"Allow": "GET, HEAD, POST"})
        except OAuthError as refusal:
            return error_page(refusal.description)

    def _decide(self, form: Mapping[str, str]) -> web.Response:
        user_code, user = form.get("user_code", ""), form.get("username", "").strip()
        device = self._devices.find(user_code)
        if device is None:
            return code_page(user_code, problem="No device waits with this code.")
        if form.get("decision") != "approve":
            self._devices.deny(device)
            return done_page("The device gets nothing.")
        if not user:
            return code_page(user_code, problem="Please type a name. Any name will do.")
        self._devices.approve(device, user)
        self._traffic.count("logins")
        return done_page("The device is signed in.")
