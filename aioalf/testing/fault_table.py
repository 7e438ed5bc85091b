"""Which endpoint fails, and how: a fault each, or none.

Knows which faults are set and spends them; does not know what a fault does.
"""

from __future__ import annotations

from aioalf.testing.faults import Fault
from aioalf.testing.settings import Endpoint, Settings, known


class FaultTable:
    """``faults["revocation"] = Fault.status(503)``, and None to take it away again.

    ``faults["token"]`` and ``faults["api"]`` are ``token_fault`` and ``api_fault`` of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._others: dict[Endpoint, Fault | None] = {}

    def __getitem__(self, endpoint: Endpoint) -> Fault | None:
        match known(endpoint):
            case "token":
                return self._settings.token_fault
            case "api":
                return self._settings.api_fault
            case other:
                return self._others.get(other)

    def __setitem__(self, endpoint: Endpoint, fault: Fault | None) -> None:
        match known(endpoint):
            case "token":
                self._settings.token_fault = fault
            case "api":
                self._settings.api_fault = fault
            case other:
                self._others[other] = fault

    def take(self, endpoint: Endpoint) -> Fault | None:
        """The fault that a request to this endpoint meets, which is thereby spent once."""
        fault = self[endpoint]
        self[endpoint] = None if fault is None else fault.spent()
        return fault
