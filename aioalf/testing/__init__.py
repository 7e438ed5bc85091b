"""An OAuth 2 authorization server and a protected API for tests and the demo.

They listen on free loopback ports in the test process and can be told to fail. Must not import
the client side of aioalf, so that the client is tested against independent code.
"""

from aioalf.testing.connection_faults import ConnectionFault
from aioalf.testing.endpoint_names import Endpoint
from aioalf.testing.faults import Fault
from aioalf.testing.proxy import FaultProxy
from aioalf.testing.records import ReceivedBody, RecordedRequest
from aioalf.testing.server import OAuthServer
from aioalf.testing.settings import MISSING, Json, Missing

__all__ = [
    "MISSING",
    "ConnectionFault",
    "Endpoint",
    "Fault",
    "FaultProxy",
    "Json",
    "Missing",
    "OAuthServer",
    "ReceivedBody",
    "RecordedRequest",
]
