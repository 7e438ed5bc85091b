"""An OAuth 2 authorization server and a protected API in this process, for tests and the demo.

Real sockets on loopback, free ports, switchable faults. Nothing here may import the client side
of aioalf: a server is judged by other software.
"""

from aioalf.testing.connection_faults import ConnectionFault
from aioalf.testing.faults import Fault
from aioalf.testing.proxy import FaultProxy
from aioalf.testing.records import Exchange, ReceivedBody
from aioalf.testing.server import OAuthServer
from aioalf.testing.settings import MISSING, Endpoint, Json, Missing

__all__ = [
    "MISSING",
    "ConnectionFault",
    "Endpoint",
    "Exchange",
    "Fault",
    "FaultProxy",
    "Json",
    "Missing",
    "OAuthServer",
    "ReceivedBody",
]
