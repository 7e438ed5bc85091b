"""A device gets its token once a person has said yes (RFC 8628 §3.4)."""

from __future__ import annotations

from aioalf.testing._server import targets
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.devices import DeviceStore
from aioalf.testing._server.state.mint import Members, Mint
from aioalf.testing.settings import Settings


class DeviceCodeGrant:
    """An access token for what a person agreed to, and a refresh token if there is to be one."""

    name = "urn:ietf:params:oauth:grant-type:device_code"

    def __init__(self, settings: Settings, devices: DeviceStore, mint: Mint) -> None:
        self._settings = settings
        self._devices = devices
        self._mint = mint

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        """OAuthError ``authorization_pending`` or ``slow_down``, or what ends the wait (§3.5)."""
        resources = targets.resources(self._settings, form)
        authorization = self._devices.poll(form.required("device_code"), client.client_id)
        return self._mint.access_and_refresh(client, authorization, resources)
